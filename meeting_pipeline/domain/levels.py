"""How loud a recording is, moment by moment, as it is kept beside its audio.

Measured while the audio is made; whoever looks for pauses need not decode everything once more.
"""

import hashlib
import sys
from array import array
from collections.abc import Sequence

FRAME_S = 0.05
"""One level for so many seconds."""

FILE_NAME = "audio.levels"
"""In the recording's folder."""

Levels = Sequence[float]
"""dBFS of every FRAME_S."""

_DIGEST_BYTES = 32


def pack(levels: "array[float]", audio_sha256: str) -> bytes:
    """What the file holds: whose levels they are, and a proof that they are whole."""
    body = bytes.fromhex(audio_sha256) + _little_endian(levels).tobytes()
    return hashlib.sha256(body).digest() + body


def unpack(data: bytes, audio_sha256: str) -> "array[float] | None":
    """The levels of exactly this audio, or None for anything else."""
    digest, body = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    whose, kept = body[:_DIGEST_BYTES], body[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest or whose.hex() != audio_sha256:
        return None
    levels = array("f")
    levels.frombytes(kept)
    return _little_endian(levels)


def _little_endian(levels: "array[float]") -> "array[float]":
    if sys.byteorder == "big":
        levels = levels[:]
        levels.byteswap()
    return levels
