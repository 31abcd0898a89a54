"""The files that extraction writes: encoded mono samples, or packets as they were read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

from meeting_pipeline.adapters.media.sound import SAMPLE_BYTES, SAMPLE_RATE, unwritable

AudioPacket: TypeAlias = "Packet[AudioStream]"


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


class Writer:
    """A file being written; every error of writing it becomes FatalError."""

    def __init__(self, target: Path, muxer: str, options: Mapping[str, str]) -> None:
        self._target = target
        self._container = av.open(f"file:{target}", "w", format=muxer, options=dict(options))

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._finish()
        with self._writing():
            self._container.close()

    def copy_packet(self, packet: AudioPacket) -> None:
        """Write the next packet as it was read; the last one is empty."""

    def write_samples(self, samples: bytes) -> None:
        """Write the next mono 16 kHz samples."""

    def _finish(self) -> None:
        """Write what is still buffered."""

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except av.FFmpegError as error:
            raise unwritable(self._target, reason_of(error)) from error


class _Encoder(Writer):
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

    def write_samples(self, samples: bytes) -> None:
        frame = AudioFrame("s16", "mono", len(samples) // SAMPLE_BYTES, align=1)
        frame.planes[0].update(samples)
        frame.sample_rate = SAMPLE_RATE
        frame.pts, frame.time_base = self._written, Fraction(1, SAMPLE_RATE)
        self._written += frame.samples
        self._encode(frame)

    def _finish(self) -> None:
        self._encode(None)

    def _encode(self, frame: AudioFrame | None) -> None:
        with self._writing():
            self._container.mux(self._stream.encode(frame))


class _Copier(Writer):
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
            raise unwritable(self._target, reason_of(error)) from error


def writer(target: Path, audio_format: str, track: AudioStream) -> Writer:
    """Open a file to write.

    Args:
        target: The file.
        audio_format: As for `ports.media.MediaTool.extract`.
        track: The track whose packets are copied in the format "m4a".
    """
    if audio_format == "m4a":
        return _Copier(target, track)
    return _Encoder(target, _ENCODINGS[audio_format])


def reason_of(error: av.FFmpegError) -> str:
    """Return FFmpeg's words for an error, without the name of a file."""
    return error.strerror or type(error).__name__
