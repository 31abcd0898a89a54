"""Search for damage in containers whose demuxers skip it silently.

A hole in the time stamps is a fact about the recording, unless bytes of the file were overwritten
or lost. Only files with such a hole are searched.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from meeting_pipeline.adapters.media.units import (
    CLUSTER,
    SEGMENT,
    boxes,
    elements,
    transport_packets,
)

_EBML_KNOWN = frozenset(
    {
        *(0x1A45DFA3, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1254C367),
        *(0x1043A770, 0x1941A469, 0xEC, 0xBF),
        *(0xE7, 0xA3, 0xA0, 0xA7, 0xAB, 0x5854, 0xAF),
    }
)
"""Elements of a file and a segment, void and checksum, elements of a cluster (RFC 9559)."""

BOXES = frozenset(
    b"ftyp styp moov moof mdat sidx ssix mfra free skip wide emsg prft uuid meta udta pdin".split()
)
"""Boxes that a file consists of (ISO 14496-12)."""

_TS_SYNC = 0x47
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


def is_known_element(name: bytes) -> bool:
    """Return whether Matroska files contain an element of this name (RFC 9559)."""
    return int.from_bytes(name, "big") in {*_EBML_KNOWN, SEGMENT, CLUSTER}


def _has_known_elements(stream: BinaryIO, size: int) -> bool:
    at = 0
    for element in elements(stream, size, in_clusters=True):
        number = int.from_bytes(element.name, "big")
        if number in (SEGMENT, CLUSTER):
            at = element.content
        elif number not in _EBML_KNOWN or element.end is None:
            return False
        else:
            at = element.end
    return at == size


def _has_known_boxes(stream: BinaryIO, size: int) -> bool:
    at = 0
    for box in boxes(stream, size):
        if box.name not in BOXES:
            return False
        at = size if box.end is None else box.end
    return at == size


def _has_sync_bytes(stream: BinaryIO) -> bool:
    packets = transport_packets(stream)
    if packets is None:
        return False
    begin, size = packets
    stream.seek(begin)
    return all(block.count(_TS_SYNC) == len(block) for block in _starts(stream, size))


def _starts(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the first bytes of all packets of a size."""
    while block := stream.read(size * _TS_BLOCK_PACKETS):
        yield block[::size]
