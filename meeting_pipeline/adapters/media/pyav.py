"""Media by PyAV, whose wheel brings FFmpeg's libraries: nothing else need be installed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard

from meeting_pipeline.adapters.media.containers import (
    DEMUXER_OPTIONS,
    AudioTrack,
    Container,
    corrupt,
    describe,
    input_url,
    not_media,
)
from meeting_pipeline.adapters.media.sound import (
    SAMPLE_RATE,
    SoundMeter,
    make_target,
    towards,
    unwritable,
)
from meeting_pipeline.domain.gates import LONGEST_S
from meeting_pipeline.errors import SkipRecord, Stopped
from meeting_pipeline.ports import ExtractedAudio, MediaInfo, Progress


class PyAVMedia:
    """`ports.MediaTool` in this process. longest_s: see `SoundMeter`."""

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._closed = False

    def close(self) -> None:
        """End what runs; raises Stopped there and in every later `extract`."""
        self._closed = True

    def probe(self, media: Path) -> MediaInfo:
        return probe(media)

    def extract(
        self, media: Path, target: Path, audio_format: str, progress: Progress
    ) -> ExtractedAudio:
        with _opened(media) as container:
            track = _first_audio(container, media)
            tell = towards(describe(media, _said_by(container)).duration_s, progress)
            meter = SoundMeter(self._longest_s)
            make_target(target)
            with _Encoder(target, _ENCODINGS[audio_format]) as encoder:
                for second in _in_seconds(_decoded(container, track, media)):
                    if self._closed:
                        raise Stopped("stopped", "the run was asked to end")
                    meter.hear(bytes(second.planes[0])[: 2 * second.samples])
                    encoder.write(second)
                    tell(meter.duration_s)
        return meter.result()


def probe(media: Path) -> MediaInfo:
    """See `ports.MediaTool.probe`."""
    with _opened(media) as container:
        return describe(media, _said_by(container))


@contextmanager
def _opened(media: Path) -> Iterator[InputContainer]:
    try:
        container = av.open(input_url(media), options=DEMUXER_OPTIONS, metadata_errors="replace")
    except av.FFmpegError as error:
        raise not_media(media, _reason(error)) from error
    with container:
        yield container


def _said_by(container: InputContainer) -> Container:
    tracks = container.streams.audio
    return Container(
        format_name=container.format.name,
        duration_s=container.duration / av.time_base if container.duration else None,
        tags=container.metadata,
        audio=_track(tracks[0]) if tracks else None,
    )


def _track(stream: AudioStream) -> AudioTrack:
    return AudioTrack(
        codec=stream.codec_context.codec.canonical_name,
        sample_rate=stream.codec_context.sample_rate,
        start_s=_seconds(stream.start_time, stream),
        duration_s=_seconds(stream.duration, stream),
        packets=stream.frames,
        tags=stream.metadata,
    )


def _seconds(ticks: int | None, stream: AudioStream) -> float | None:
    return None if ticks is None or stream.time_base is None else float(ticks * stream.time_base)


def _first_audio(container: InputContainer, media: Path) -> AudioStream:
    if not container.streams.audio:
        raise SkipRecord("no_audio", f"{media.name} has no audio track")
    first = container.streams.audio[0]
    for stream in container.streams:
        if stream.index != first.index:
            stream.discard = Discard.all
    return first


def _decoded(container: InputContainer, track: AudioStream, media: Path) -> Iterator[AudioFrame]:
    """Every frame of the track; raises RecordError("corrupt_media") at the first damage."""
    try:
        for packet in container.demux(track):
            for frame in packet.decode():
                if frame.is_corrupt:
                    raise corrupt(media, "a frame is damaged")
                yield frame
    except av.FFmpegError as error:
        raise corrupt(media, _reason(error)) from error


def _in_seconds(frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    """The sound as mono 16 kHz s16 frames of one second, whatever it is and changes to."""
    shape, resampler = None, None
    for frame in frames:
        frame.pts = None  # sound is counted, not timed: a gap must not look like sound
        if shape != (shape := (frame.format.name, frame.layout.name, frame.sample_rate)):
            yield from resampler.resample(None) if resampler else ()
            resampler = AudioResampler("s16", "mono", SAMPLE_RATE, frame_size=SAMPLE_RATE)
        assert resampler
        yield from resampler.resample(frame)
    yield from resampler.resample(None) if resampler else ()


@dataclass(frozen=True)
class _Encoding:
    """How a format is written: FFmpeg's muxer, encoder and settings."""

    muxer: str
    codec: str
    sample_format: str = "s16"
    bit_rate: int = 0
    options: Mapping[str, str] = field(default_factory=dict)


_ENCODINGS = {
    "flac": _Encoding("flac", "flac"),
    "wav": _Encoding("wav", "pcm_s16le"),
    "mp3": _Encoding("mp3", "libmp3lame", "s16p", 32_000, {"compression_level": "9"}),
}


class _Encoder:
    """Writes mono 16 kHz sound; every error of the file becomes FatalError."""

    def __init__(self, target: Path, encoding: _Encoding) -> None:
        self._target = target
        self._written = 0
        self._container = av.open(f"file:{target}", "w", format=encoding.muxer)
        stream = self._container.add_stream(
            encoding.codec, SAMPLE_RATE, dict(encoding.options), bit_rate=encoding.bit_rate
        )
        assert isinstance(stream, AudioStream)
        stream.codec_context.layout = "mono"
        stream.codec_context.format = encoding.sample_format
        self._stream = stream

    def __enter__(self) -> "_Encoder":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._encode(None)
        with self._to_file():
            self._container.close()

    def write(self, frame: AudioFrame) -> None:
        """Append a frame."""
        frame.pts, frame.time_base = self._written, Fraction(1, SAMPLE_RATE)
        self._written += frame.samples
        self._encode(frame)

    def _encode(self, frame: AudioFrame | None) -> None:
        with self._to_file():
            self._container.mux(self._stream.encode(frame))

    @contextmanager
    def _to_file(self) -> Iterator[None]:
        try:
            yield
        except av.FFmpegError as error:
            raise unwritable(self._target, _reason(error)) from error


def _reason(error: av.FFmpegError) -> str:
    return error.strerror or type(error).__name__
