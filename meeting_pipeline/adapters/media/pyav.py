"""Media by PyAV, whose wheel brings FFmpeg's libraries: nothing else need be installed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.filter import Graph
from av.packet import Packet
from av.stream import Discard

from meeting_pipeline.adapters.media.containers import (
    DEMUXER_OPTIONS,
    AudioTrack,
    Container,
    corrupt,
    describe,
    input_url,
    not_media,
    undecodable,
)
from meeting_pipeline.adapters.media.sound import (
    SAMPLE_RATE,
    SoundMeter,
    make_target,
    towards,
    unwritable,
)
from meeting_pipeline.domain.media_checks import LONGEST_S
from meeting_pipeline.errors import SkipRecord, Stopped
from meeting_pipeline.ports.media import ExtractedAudio, MediaInfo
from meeting_pipeline.ports.progress import Progress

_BATCH = 64  # frames between two looks into the filters: a look at each takes three times as long
_GATHERED = 8_192  # samples that are resampled at once: each call costs, more leave the cache

Sound: TypeAlias = "Packet[AudioStream]"


class PyAVMedia:
    """`ports.media.MediaTool` in this process. longest_s: see `SoundMeter`."""

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
            with _writer(target, audio_format, track) as writer:
                frames = _decoded(container, track, media, writer.take)
                if container.format.name == "flac":
                    frames = _joined(frames, media)
                for second in _in_seconds(frames):
                    if self._closed:
                        raise Stopped("stopped", "the run was asked to end")
                    meter.hear(bytes(second.planes[0])[: 2 * second.samples])
                    writer.hear(second)
                    tell(meter.duration_s)
        return meter.result()


def probe(media: Path) -> MediaInfo:
    """See `ports.media.MediaTool.probe`."""
    with _opened(media) as container:
        return describe(media, _said_by(container))


def extract(wanted: tuple[Path, Path, str, float], progress: Progress) -> ExtractedAudio:
    """See `ports.media.MediaTool.extract`. wanted: media, target, format, the longest it may be."""
    media, target, audio_format, longest_s = wanted
    return PyAVMedia(longest_s).extract(media, target, audio_format, progress)


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
    decoder = _decoder(stream)
    return AudioTrack(
        codec=decoder.codec.canonical_name if decoder else None,
        profile=stream.profile,
        bit_rate=decoder.bit_rate or 0 if decoder else 0,
        sample_rate=decoder.sample_rate if decoder else None,
        start_s=_seconds(stream.start_time, stream),
        duration_s=_seconds(stream.duration, stream),
        packets=stream.frames,
        tags=stream.metadata,
    )


def _decoder(stream: AudioStream) -> AudioCodecContext | None:
    """None where FFmpeg has no decoder for the track; its type in PyAV's stubs leaves that out."""
    return stream.codec_context


def _seconds(ticks: int | None, stream: AudioStream) -> float | None:
    return None if ticks is None or stream.time_base is None else float(ticks * stream.time_base)


def _first_audio(container: InputContainer, media: Path) -> AudioStream:
    if not container.streams.audio:
        raise SkipRecord("no_audio", f"{media.name} has no audio track")
    first = container.streams.audio[0]
    if _decoder(first) is None:
        raise undecodable(media)
    for stream in container.streams:
        if stream.index != first.index:
            stream.discard = Discard.all
    return first


def _decoded(
    container: InputContainer, track: AudioStream, media: Path, take: Callable[[Sound], None]
) -> Iterator[AudioFrame]:
    """Every frame of the track; `take` is given each packet that could be decoded.

    Raises RecordError("corrupt_media") at the first damage.
    """
    try:
        for packet in container.demux(track):
            for frame in packet.decode():
                if frame.is_corrupt:
                    raise corrupt(media, "a frame is damaged")
                yield frame
            take(packet)
    except av.FFmpegError as error:
        raise corrupt(media, _reason(error)) from error


def _joined(frames: Iterator[AudioFrame], media: Path) -> Iterator[AudioFrame]:
    """The frames of a FLAC file, each of which says where it begins.

    Whatever is damaged in one is left out by FFmpeg's parser, or by the binding that hides an error
    behind the frames before it. Raises RecordError("corrupt_media") where frames do not join.
    """
    end = None
    for frame in frames:
        if frame.pts is None or end not in (None, frame.pts):
            raise corrupt(media, "sound is missing in the middle of it")
        end = frame.pts + frame.samples
        yield frame


def _in_seconds(frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    """The sound as mono 16 kHz s16 frames of one second, whatever it is and changes to."""
    shape, filters = None, None
    for count, frame in enumerate(frames):
        if shape != (shape := (frame.format.name, frame.layout.name, frame.sample_rate)):
            yield from _rest(filters)
            filters = _filters(frame)
        frame.pts = None  # sound is counted, not timed: a gap must not look like sound
        assert filters
        filters.push(frame)
        if not count % _BATCH:
            yield from _pulled(filters)
    yield from _rest(filters)


def _rest(filters: Graph | None) -> Iterator[AudioFrame]:
    if filters:
        filters.push(None)
        yield from _pulled(filters)


def _filters(frame: AudioFrame) -> Graph:
    """What turns frames like this one into those of a second."""
    graph = Graph()
    rate = frame.sample_rate
    chain = [
        graph.add_abuffer(
            sample_rate=rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=Fraction(1, rate),
        ),
        graph.add("asetnsamples", f"n={_GATHERED}:p=0"),
        graph.add("aformat", "sample_fmts=s16:channel_layouts=mono"),
        graph.add("aresample", str(SAMPLE_RATE)),
        graph.add("asetnsamples", f"n={SAMPLE_RATE}:p=0"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*chain).configure()
    return graph


def _pulled(filters: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            second = filters.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        assert isinstance(second, AudioFrame)
        yield second


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


class _Writer:
    """What one file is written with; every error of the file becomes FatalError."""

    def __init__(self, target: Path, muxer: str, options: Mapping[str, str]) -> None:
        self._target = target
        self._container = av.open(f"file:{target}", "w", format=muxer, options=dict(options))

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._end()
        with self._to_file():
            self._container.close()

    def take(self, packet: Sound) -> None:
        """The next packet as it was read; the last one is empty."""

    def hear(self, second: AudioFrame) -> None:
        """The next mono 16 kHz sound."""

    def _end(self) -> None:
        """There is no more."""

    @contextmanager
    def _to_file(self) -> Iterator[None]:
        try:
            yield
        except av.FFmpegError as error:
            raise unwritable(self._target, _reason(error)) from error


class _Encoder(_Writer):
    """Writes mono 16 kHz sound."""

    def __init__(self, target: Path, encoding: _Encoding) -> None:
        super().__init__(target, encoding.muxer, {})
        self._written = 0
        stream = self._container.add_stream(
            encoding.codec, SAMPLE_RATE, dict(encoding.options), bit_rate=encoding.bit_rate
        )
        assert isinstance(stream, AudioStream)
        stream.codec_context.layout = "mono"
        stream.codec_context.format = encoding.sample_format
        self._stream = stream

    def hear(self, second: AudioFrame) -> None:
        second.pts, second.time_base = self._written, Fraction(1, SAMPLE_RATE)
        self._written += second.samples
        self._encode(second)

    def _end(self) -> None:
        self._encode(None)

    def _encode(self, frame: AudioFrame | None) -> None:
        with self._to_file():
            self._container.mux(self._stream.encode(frame))


class _Copier(_Writer):
    """Writes the packets as they are, one right after the other: a gap must not look like sound."""

    def __init__(self, target: Path, track: AudioStream) -> None:
        # for servers that read an upload only once, its index comes first
        super().__init__(target, "ipod", {"movflags": "+faststart"})
        assert track.time_base is not None
        context = track.codec_context
        self._ticks = Fraction(context.frame_size, context.sample_rate) / track.time_base
        self._each = round(self._ticks)
        self._stream = self._container.add_stream_from_template(track)
        self._first: int | None = None
        self._taken = 0

    def take(self, packet: Sound) -> None:
        if packet.dts is None:
            return
        if self._first is None:
            self._first = packet.dts
        begins = self._taken * self._ticks.numerator // self._ticks.denominator
        packet.pts = packet.dts = self._first + begins
        packet.duration = self._each
        packet.stream = self._stream
        self._taken += 1
        try:
            self._container.mux(packet)
        except av.FFmpegError as error:
            raise unwritable(self._target, _reason(error)) from error


def _writer(target: Path, audio_format: str, track: AudioStream) -> _Writer:
    if audio_format == "m4a":
        return _Copier(target, track)
    return _Encoder(target, _ENCODINGS[audio_format])


def _reason(error: av.FFmpegError) -> str:
    return error.strerror or type(error).__name__
