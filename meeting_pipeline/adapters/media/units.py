"""The units that a media file consists of: boxes, elements, packets, tags and frames.

Only their headers are read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

SEGMENT, CLUSTER = 0x18538067, 0x1F43B675
"""The elements of a Matroska file that contain the others."""

_UNKNOWN = -1
_TS_PACKETS = (188, 192, 204)
_TS_SYNC = 0x47
_TS_SAMPLE = 5  # packets that have to begin with the sync byte
_ADTS_HEADER = 7
_ADTS_SYNC, _ADTS_MASK = 0xFFF0, 0xFFF6
_FLV_HEADER, _FLV_TAG_SIZE = 11, 4
_FLV_TYPES = (8, 9, 18)  # sound, picture, data


@dataclass(frozen=True)
class Unit:
    """A part of a file.

    Attributes:
        name: What it is by its header.
        content: Where its content begins, in bytes from the start of the file.
        end: Where it ends, which may be after the end of the file; None if its header does not say.
    """

    name: bytes
    content: int
    end: int | None


def boxes(stream: BinaryIO, size: int, at: int = 0) -> Iterator[Unit]:
    """Yield the boxes of an MP4 or QuickTime file, up to one that cannot be a box.

    A box without a length, which is the last one, has no end.

    Args:
        stream: The file.
        size: Where to stop: the size of the file, or the end of the box that contains them.
        at: Where the first box begins.
    """
    while at + 8 <= size:
        stream.seek(at)
        header = stream.read(16)
        length, name = int.from_bytes(header[:4], "big"), header[4:8]
        content = at + 8
        if length == 1:
            length, content = int.from_bytes(header[8:], "big"), at + 16
        end = at + length if length else None
        yield Unit(name, content, end)
        if end is None or end < content:
            return
        at = end


def elements(stream: BinaryIO, size: int, *, in_clusters: bool) -> Iterator[Unit]:
    """Yield the elements of a Matroska file, those in a segment and in its clusters as well.

    Args:
        stream: The file.
        size: Its size.
        in_clusters: Whether to enter clusters of a known length, too; a recording has tens of
            thousands of elements in them.
    """
    at = 0
    while at < size:
        stream.seek(at)
        header = stream.read(12)
        name_bytes = _ebml_bytes(header)
        length, length_bytes = _ebml_number(header[name_bytes:])
        name = header[:name_bytes]
        content = at + name_bytes + length_bytes
        end = None if length == _UNKNOWN else content + length
        yield Unit(name, content, end)
        number = int.from_bytes(name, "big")
        if number == SEGMENT or (number == CLUSTER and (in_clusters or end is None)):
            at = content
        elif end is None:
            return
        else:
            at = end


def _ebml_bytes(data: bytes) -> int:
    """Return how many bytes a number of variable length takes."""
    return 9 - data[0].bit_length() if data and data[0] else 1


def _ebml_number(data: bytes) -> tuple[int, int]:
    """Return a number of variable length, or _UNKNOWN, and how many bytes it takes."""
    if not data or not data[0]:
        return _UNKNOWN, 1
    size = _ebml_bytes(data)
    most = (1 << 7 * size) - 1
    number = int.from_bytes(data[:size], "big") & most
    return (_UNKNOWN if number == most else number), size


def transport_packets(stream: BinaryIO) -> tuple[int, int] | None:
    """Return where the first packet of a transport stream begins and how long each is, in bytes."""
    stream.seek(0)
    head = stream.read(_TS_SAMPLE * max(_TS_PACKETS) * 2)
    for size, begin in ((each, begin) for each in _TS_PACKETS for begin in range(each)):
        sample = head[begin : begin + _TS_SAMPLE * size : size]
        if len(sample) == _TS_SAMPLE and sample.count(_TS_SYNC) == _TS_SAMPLE:
            return begin, size
    return None


def tags(stream: BinaryIO, size: int) -> Iterator[Unit]:
    """Yield the tags of a Flash video file, up to the first bytes that are none.

    Args:
        stream: The file.
        size: Its size.
    """
    stream.seek(5)
    at = int.from_bytes(stream.read(4), "big") + _FLV_TAG_SIZE
    while at < size:
        stream.seek(at)
        header = stream.read(_FLV_HEADER)
        if header[0] & 0x1F not in _FLV_TYPES:
            return
        content = at + _FLV_HEADER
        end = content + int.from_bytes(header[1:4], "big")
        yield Unit(header[:1], content, end)
        at = end + _FLV_TAG_SIZE


def frames(stream: BinaryIO, size: int) -> Iterator[Unit]:
    """Yield the frames of an ADTS file from its first one to the first bytes that are none.

    Args:
        stream: The file.
        size: Its size.
    """
    at = after_id3(stream)
    while at < size:
        stream.seek(at)
        header = stream.read(_ADTS_HEADER)
        if int.from_bytes(header[:2], "big") & _ADTS_MASK != _ADTS_SYNC:
            return
        length = max(_ADTS_HEADER, int.from_bytes(header[3:6], "big") >> 5 & 0x1FFF)
        yield Unit(header[:2], at + _ADTS_HEADER, at + length)
        at += length


def after_id3(stream: BinaryIO) -> int:
    """Return where an optional ID3v2 tag (28-bit size) at the start of a file ends; else 0."""
    stream.seek(0)
    head = stream.read(10)
    if not head.startswith(b"ID3"):
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size
