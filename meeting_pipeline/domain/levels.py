"""The sound levels of a recording over time, stored beside its audio.

They are measured while the audio is extracted, so that speech recognition can look for pauses
without decoding the audio again.
"""

import hashlib
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path

FRAME_S = 0.05
"""The length of one frame in seconds; each frame has one level."""

NOTHING_DB = -100.0
"""The level of digital silence."""

FILE_NAME = "audio.levels"
"""The file's name in the recording's folder."""

Levels = Sequence[float]
"""One level in dBFS for each frame of FRAME_S seconds."""

_DIGEST_BYTES = 32
_SECOND = round(1.0 / FRAME_S)


def loudest_second(levels: Levels) -> float:
    """Return the middle level of the loudest second in dBFS; -100.0 without levels.

    Args:
        levels: The levels of the whole recording.
    """
    loudest = sorted(levels, reverse=True)[:_SECOND]
    return loudest[len(loudest) // 2] if loudest else NOTHING_DB


def loudness_in_words(levels: Levels) -> str:
    """Return how loud a recording is in its loudest second and moment, for a message.

    Args:
        levels: The levels of the whole recording.
    """
    peak = max(levels, default=NOTHING_DB)
    return f"its loudest second has {loudest_second(levels):.0f} dBFS, its peak {peak:.0f} dBFS"


def noise_floor(levels: Levels) -> float:
    """Return the level in dBFS that all but the quietest tenth reach; -100.0 without levels."""
    return sorted(levels)[len(levels) // 10] if levels else NOTHING_DB


def pack(levels: "array[float]", audio_sha256: str) -> bytes:
    """Return the content of the levels file: a checksum, the hash of the audio, the levels.

    Args:
        levels: One level in dBFS for each frame.
        audio_sha256: The hex digest of the audio that they were measured in.
    """
    body = bytes.fromhex(audio_sha256) + _little_endian(levels).tobytes()
    return hashlib.sha256(body).digest() + body


def read(path: Path, audio_sha256: str) -> "array[float] | None":
    """Return the levels in a file, or None if it is missing, damaged or of another audio.

    Args:
        path: The levels file.
        audio_sha256: As for `unpack`.
    """
    try:
        return unpack(path.read_bytes(), audio_sha256)
    except FileNotFoundError:
        return None


def unpack(data: bytes, audio_sha256: str) -> "array[float] | None":
    """Return the levels in a file, or None if it is damaged or belongs to another audio.

    Args:
        data: The content of the levels file.
        audio_sha256: The hex digest of the audio that they have to belong to.
    """
    digest, body = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    audio_digest, packed = body[:_DIGEST_BYTES], body[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest or audio_digest.hex() != audio_sha256:
        return None
    levels = array("f")
    levels.frombytes(packed)
    return _little_endian(levels)


def _little_endian(levels: "array[float]") -> "array[float]":
    if sys.byteorder == "big":
        levels = levels[:]
        levels.byteswap()
    return levels
