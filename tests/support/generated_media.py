"""Small media files generated with PyAV: good ones, and bad ones with one fault each."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

SECONDS = 4.0
PAGE = "<!DOCTYPE html><html><body>登录已过期，请重新登录 502 Bad Gateway</body></html>\n".encode()
_BLOCK_S = 0.1
_FRAMES_PER_S = 5


@dataclass(frozen=True)
class Take:
    """What to record. video_s: 0 for sound alone. late_s: when the sound begins.

    changes: options of the muxer. silent: digital silence instead of noise.
    """

    codec: str = "aac"
    rate: int = 16_000
    layout: str = "stereo"
    seconds: float = SECONDS
    video_s: float = 0.0
    late_s: float = 0.0
    tracks: int = 1
    cover: bool = False
    silent: bool = False
    uneven: bool = False
    created: str = ""
    bit_rate: int = 64_000
    muxer: str | None = None
    changes: tuple[tuple[str, str], ...] = ()


def record(path: Path, take: Take) -> Path:
    """Make the file."""
    with av.open(str(path), "w", format=take.muxer, options=dict(take.changes)) as container:
        container.metadata.update({"title": "模拟面试"})
        if take.created:
            container.metadata["creation_time"] = take.created
        video = _add_video(container, take)
        sounds = [_add_sound(container, take) for _ in range(take.tracks)]
        cover = _add_cover(container) if take.cover else None
        container.start_encoding()
        if cover:
            _write_cover(container, cover)
        _write_interleaved(container, video, sounds, take)
    return path


def pipe(path: Path, take: Take) -> Path:
    """Make the file as a browser or a pipe does: nothing can be filled in afterwards."""

    class Pipe:
        def __init__(self) -> None:
            self.data = bytearray()

        def write(self, block: bytes) -> int:
            self.data += block
            return len(block)

    into = Pipe()
    with av.open(into, "w", format=take.muxer, options=dict(take.changes)) as container:
        video = _add_video(container, take)
        sounds = [_add_sound(container, take) for _ in range(take.tracks)]
        _write_interleaved(container, video, sounds, take)
    path.write_bytes(into.data)
    return path


def _add_sound(container: OutputContainer, take: Take) -> AudioStream:
    experimental = {"strict": "experimental"}  # FFmpeg's own Vorbis encoder, the one that PyAV has
    stream = container.add_stream(take.codec, take.rate, experimental, bit_rate=take.bit_rate)
    assert isinstance(stream, AudioStream)
    stream.codec_context.layout = take.layout
    return stream


def _add_video(container: OutputContainer, take: Take) -> VideoStream | None:
    if not take.video_s:
        return None
    codec = "libvpx" if "webm" in container.format.name else "mpeg4"
    stream = container.add_stream(codec, _FRAMES_PER_S, width=64, height=48)
    assert isinstance(stream, VideoStream)
    stream.codec_context.time_base = Fraction(1, 1000)
    return stream


def _add_cover(container: OutputContainer) -> VideoStream:
    stream = container.add_stream("png", 1, width=16, height=16)
    assert isinstance(stream, VideoStream)
    stream.pix_fmt = "rgb24"
    stream.disposition = av.stream.Disposition.attached_pic
    return stream


def _write_cover(container: OutputContainer, stream: VideoStream) -> None:
    picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
    picture.pts = 0
    container.mux(stream.encode(picture))
    container.mux(stream.encode(None))


def _write_interleaved(
    container: OutputContainer, video: VideoStream | None, sounds: list[AudioStream], take: Take
) -> None:
    blocks = itertools.zip_longest(_pictures(take) if video else (), _noise(take))
    for picture, noise in blocks:
        if video and picture:
            container.mux(video.encode(picture))
        for sound in sounds if noise else ():
            container.mux(sound.encode(noise))
    for stream in sounds:
        container.mux(stream.encode(None))
    if video:
        container.mux(video.encode(None))


def _noise(take: Take) -> Iterator[av.AudioFrame]:
    chance = np.random.default_rng(20250106)
    size = int(take.rate * _BLOCK_S)
    channels = len(av.AudioLayout(take.layout).channels)
    for block in range(round(take.seconds / _BLOCK_S)):
        samples = chance.normal(0, 0 if take.silent else 4000, (1, size * channels))
        frame = av.AudioFrame.from_ndarray(
            samples.clip(-32768, 32767).astype(np.int16), format="s16", layout=take.layout
        )
        frame.sample_rate = take.rate
        frame.time_base = Fraction(1, take.rate)
        frame.pts = int(take.late_s * take.rate) + block * size
        yield frame


def _pictures(take: Take) -> Iterator[av.VideoFrame]:
    chance = np.random.default_rng(7)
    for number in range(round(take.video_s * _FRAMES_PER_S)):
        picture = chance.integers(0, 255, (48, 64, 3), np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.time_base = Fraction(1, 1000)
        uneven_ms = number % 7 * 20 if take.uneven else 0
        frame.pts = number * 1000 // _FRAMES_PER_S + uneven_ms
        yield frame


def cut(source: Path, path: Path, share: float) -> Path:
    """The first part of a file."""
    whole = source.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return path


def overwrite(
    source: Path, path: Path, filling: Callable[[int], bytes], share: float = 1 / 3
) -> Path:
    """The same file with its middle replaced; share: of the whole."""
    whole = source.read_bytes()
    size = int(share * len(whole))
    start = (len(whole) - size) // 2
    path.write_bytes(whole[:start] + filling(size) + whole[start + size :])
    return path


def page(size: int) -> bytes:
    """So many bytes of an error page."""
    return (PAGE * (size // len(PAGE) + 1))[:size]


def claim_samples(flac: Path, number: int) -> None:
    """Have a FLAC file promise so many samples: 36 bits of its first block."""
    data = bytearray(flac.read_bytes())
    at = 4 + 4 + 13
    data[at] = data[at] & 0xF0 | number >> 32
    data[at + 1 : at + 5] = (number & 0xFFFF_FFFF).to_bytes(4, "big")
    flac.write_bytes(data)
