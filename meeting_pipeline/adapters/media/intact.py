"""Search for damage in containers whose demuxers skip it silently.

A hole in the time stamps is a fact about the recording, unless bytes of the file were overwritten
or lost. Only files with such a hole are searched.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_UNKNOWN_SIZE = -1

_EBML_SEGMENT, _EBML_CLUSTER = 0x18538067, 0x1F43B675
_EBML_KNOWN = frozenset(
    {
        *(0x1A45DFA3, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1254C367),
        *(0x1043A770, 0x1941A469, 0xEC, 0xBF),
        *(0xE7, 0xA3, 0xA0, 0xA7, 0xAB, 0x5854, 0xAF),
    }
)
"""Elements of a file and a segment, void and checksum, elements of a cluster (RFC 9559)."""

_BOXES = frozenset(
    b"ftyp styp moov moof mdat sidx ssix mfra free skip wide emsg prft uuid meta udta pdin".split()
)
_TS_PACKETS = (188, 192, 204)
_TS_SYNC = 0x47
_TS_SAMPLE = 5  # packets that have to begin with the sync byte
_TS_BLOCK_PACKETS = 5_000


def is_intact(media: Path, format_name: str) -> bool:
    """Return whether the structure of a file is whole from its first byte to its last.

    Args:
        media: The file.
        format_name: FFmpeg's name of its format.
    """
    size = media.stat().st_size
    with media.open("rb") as stream:
        match format_name.split(",", maxsplit=1)[0]:
            case "matroska":
                return _has_known_elements(stream, size)
            case "mov":
                return _has_known_boxes(stream, size)
            case "mpegts":
                return _has_sync_bytes(stream)
            case _:
                return True


def _has_known_elements(stream: BinaryIO, size: int) -> bool:
    at = 0
    while at < size:
        stream.seek(at)
        header = stream.read(12)
        element, id_bytes = _ebml_number(header, with_marker=True)
        length, length_bytes = _ebml_number(header[id_bytes:], with_marker=False)
        at += id_bytes + length_bytes
        if element in (_EBML_SEGMENT, _EBML_CLUSTER):
            continue
        if element not in _EBML_KNOWN or length == _UNKNOWN_SIZE:
            return False
        at += length
    return at == size


def _ebml_number(data: bytes, *, with_marker: bool) -> tuple[int, int]:
    """Return a number of variable length, or _UNKNOWN_SIZE, and how many bytes it takes."""
    if not data or not data[0]:
        return _UNKNOWN_SIZE, 1
    size = 9 - data[0].bit_length()
    number = int.from_bytes(data[:size], "big")
    if with_marker:
        return number, size
    number &= (1 << 7 * size) - 1
    return (_UNKNOWN_SIZE if number == (1 << 7 * size) - 1 else number), size


def _has_known_boxes(stream: BinaryIO, size: int) -> bool:
    at = 0
    while at < size:
        stream.seek(at)
        header = stream.read(16)
        length, name = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:], "big")
        if name not in _BOXES or (length and length < 8):  # noqa: PLR2004 - size of a header
            return False
        at = at + length if length else size
    return at == size


def _has_sync_bytes(stream: BinaryIO) -> bool:
    head = stream.read(_TS_SAMPLE * max(_TS_PACKETS) * 2)
    for size, begin in ((each, begin) for each in _TS_PACKETS for begin in range(each)):
        sample = head[begin : begin + _TS_SAMPLE * size : size]
        if len(sample) == _TS_SAMPLE and sample.count(_TS_SYNC) == _TS_SAMPLE:
            stream.seek(begin)
            return all(block.count(_TS_SYNC) == len(block) for block in _starts(stream, size))
    return False


def _starts(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the first bytes of all packets of a size."""
    while block := stream.read(size * _TS_BLOCK_PACKETS):
        yield block[::size]
