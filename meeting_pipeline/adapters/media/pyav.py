"""A media tool based on PyAV, whose wheel contains FFmpeg's libraries."""

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
    as_fraction,
    make_target,
    unwritable,
)
from meeting_pipeline.domain.media_checks import LONGEST_S
from meeting_pipeline.errors import SkipRecord, Stopped
from meeting_pipeline.ports.media import ExtractedAudio, MediaInfo
from meeting_pipeline.ports.progress import Progress

_BATCH = 64  # frames to filter before a result is read: one by one takes three times as long
_GATHERED = 8_192  # samples to resample in one call: fewer make more calls, more leave the cache

AudioPacket: TypeAlias = "Packet[AudioStream]"


class PyAVMedia:
    """A `ports.media.MediaTool` that decodes in this process.

    Args:
        longest_s: As for `SoundMeter`.
    """

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._closed = False

    def close(self) -> None:
        """End running extractions; they and all later ones raise Stopped."""
        self._closed = True

    def probe(self, media: Path) -> MediaInfo:
        return probe(media)

    def extract(
        self, media: Path, target: Path, audio_format: str, progress: Progress
    ) -> ExtractedAudio:
        with _opened(media) as container:
            track = _first_audio(container, media)
            report = as_fraction(describe(media, _facts(container)).duration_s, progress)
            meter = SoundMeter(self._longest_s)
            make_target(target)
            with _writer(target, audio_format, track) as writer:
                frames = _decoded(container, track, media, writer.copy_packet)
                if container.format.name == "flac":
                    frames = _contiguous(frames, media)
                for second in _in_seconds(frames):
                    if self._closed:
                        raise Stopped("stopped", "the run was asked to end")
                    meter.add(bytes(second.planes[0])[: 2 * second.samples])
                    writer.write_samples(second)
                    report(meter.duration_s)
        return meter.result()


def probe(media: Path) -> MediaInfo:
    """Return what a container says about its content, as `ports.media.MediaTool.probe`."""
    with _opened(media) as container:
        return describe(media, _facts(container))


def extract(wanted: tuple[Path, Path, str, float], progress: Progress) -> ExtractedAudio:
    """Extract the audio of a media file, as `ports.media.MediaTool.extract`.

    Args:
        wanted: The media file, the target, the format, and the maximum duration in seconds.
        progress: Called with the fraction that is done, 0..1.
    """
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


def _facts(container: InputContainer) -> Container:
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
    """Return the track's decoder, or None if FFmpeg has none, which PyAV's stubs leave out."""
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
    container: InputContainer,
    track: AudioStream,
    media: Path,
    decoded: Callable[[AudioPacket], None],
) -> Iterator[AudioFrame]:
    """Yield every frame of a track, and call `decoded` with each packet that could be decoded.

    Raises:
        RecordError: "corrupt_media" at the first damage.
    """
    try:
        for packet in container.demux(track):
            for frame in packet.decode():
                if frame.is_corrupt:
                    raise corrupt(media, "a frame is damaged")
                yield frame
            decoded(packet)
    except av.FFmpegError as error:
        raise corrupt(media, _reason(error)) from error


def _contiguous(frames: Iterator[AudioFrame], media: Path) -> Iterator[AudioFrame]:
    """Yield the frames of a FLAC file, and check that each begins where the last one ended.

    FFmpeg's parser skips damaged frames silently, and PyAV hides an error behind the frames before
    it.

    Raises:
        RecordError: "corrupt_media" where frames are missing.
    """
    end = None
    for frame in frames:
        if frame.pts is None or end not in (None, frame.pts):
            raise corrupt(media, "audio is missing in the middle")
        end = frame.pts + frame.samples
        yield frame


def _in_seconds(frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    """Yield the audio as mono 16 kHz s16 frames of one second; its format may change midway."""
    shape, filters = None, None
    for count, frame in enumerate(frames):
        if shape != (shape := (frame.format.name, frame.layout.name, frame.sample_rate)):
            yield from _flushed(filters)
            filters = _filters(frame)
        frame.pts = None  # samples are counted, not timed: a gap must not look like audio
        assert filters
        filters.push(frame)
        if not count % _BATCH:
            yield from _filtered(filters)
    yield from _flushed(filters)


def _flushed(filters: Graph | None) -> Iterator[AudioFrame]:
    if filters:
        filters.push(None)
        yield from _filtered(filters)


def _filters(frame: AudioFrame) -> Graph:
    """Return a filter graph that converts frames like this one into frames of one second."""
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


def _filtered(filters: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            second = filters.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        assert isinstance(second, AudioFrame)
        yield second


@dataclass(frozen=True)
class _Encoding:
    """FFmpeg's muxer, encoder and settings for one audio format."""

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
    """A file being written; every error of writing it becomes FatalError."""

    def __init__(self, target: Path, muxer: str, options: Mapping[str, str]) -> None:
        self._target = target
        self._container = av.open(f"file:{target}", "w", format=muxer, options=dict(options))

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._finish()
        with self._writing():
            self._container.close()

    def copy_packet(self, packet: AudioPacket) -> None:
        """Write the next packet as it was read; the last one is empty."""

    def write_samples(self, second: AudioFrame) -> None:
        """Write the next mono 16 kHz samples."""

    def _finish(self) -> None:
        """Write what is still buffered."""

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except av.FFmpegError as error:
            raise unwritable(self._target, _reason(error)) from error


class _Encoder(_Writer):
    """A writer that encodes mono 16 kHz samples."""

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

    def write_samples(self, second: AudioFrame) -> None:
        second.pts, second.time_base = self._written, Fraction(1, SAMPLE_RATE)
        self._written += second.samples
        self._encode(second)

    def _finish(self) -> None:
        self._encode(None)

    def _encode(self, frame: AudioFrame | None) -> None:
        with self._writing():
            self._container.mux(self._stream.encode(frame))


class _Copier(_Writer):
    """A writer that copies packets one right after another: a gap must not look like audio."""

    def __init__(self, target: Path, track: AudioStream) -> None:
        # the index comes first, for servers that read an upload only once
        super().__init__(target, "ipod", {"movflags": "+faststart"})
        assert track.time_base is not None
        context = track.codec_context
        self._ticks = Fraction(context.frame_size, context.sample_rate) / track.time_base
        self._each = round(self._ticks)
        self._stream = self._container.add_stream_from_template(track)
        self._first: int | None = None
        self._taken = 0

    def copy_packet(self, packet: AudioPacket) -> None:
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
