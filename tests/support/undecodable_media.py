"""Samples of the package in codecs without a decoder, as recorders and phones write them."""

from pathlib import Path

import av
from av.audio.stream import AudioStream

from meeting_pipeline.sandbox.samples import FOLDER

SAMPLE = FOLDER / "TM-20260105193000-445999969-recording-1.m4a"
NAMES = ("unknown_tag.wav", "unknown_codec.mkv", "unknown_box.m4a")
_SECONDS = 10.0


def undecodable(path: Path) -> Path:
    """Write the one of NAMES that the path ends with."""
    match path.name:
        case "unknown_tag.wav":
            data = bytearray(_sample_as(path, "pcm_s16le"))
            tag = data.index(b"fmt ") + 8
            data[tag : tag + 2] = b"\x34\x12"
            path.write_bytes(data)
        case "unknown_codec.mkv":
            path.write_bytes(_replaced(_sample_as(path, "libopus"), b"A_OPUS", b"A_XXXX"))
        case "unknown_box.m4a":
            renamed = _replaced(SAMPLE.read_bytes(), b"mp4a", b"mhm1")
            path.write_bytes(_replaced(renamed, b"esds", b"free"))
        case _:
            raise ValueError(f"{path.name} is none of {NAMES}")
    return path


def _sample_as(path: Path, codec: str) -> bytes:
    """The first seconds of the sample in another container."""
    with av.open(str(SAMPLE)) as sample, av.open(str(path), "w") as container:
        stream = container.add_stream(codec, 48_000)
        assert isinstance(stream, AudioStream)
        stream.codec_context.layout = "mono"
        for frame in sample.decode(audio=0):
            if frame.time is not None and frame.time >= _SECONDS:
                break
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


def _replaced(data: bytes, old: bytes, new: bytes) -> bytes:
    assert data.count(old) == 1
    return data.replace(old, new)
