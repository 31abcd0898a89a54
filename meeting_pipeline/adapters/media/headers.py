"""What headers of containers say about the whole file, which FFmpeg does not tell."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from meeting_pipeline.adapters.media.units import Unit, boxes

_RIFF_UNKNOWN = 0x7FFF_F000  # programs that write to a pipe announce the maximum, or nearly
_AVI_FIRST_CHUNK = 12
_AVI_ENTRY = 16  # bytes of the index for each packet: name, flags, place, length
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_HEAD_BYTES = 65_536
_ASF_FLAGS = 88  # bytes from the start of the properties
_ASF_BROADCAST = 1


def riff_bytes(stream: BinaryIO) -> int | None:
    """Return the size of a file by its RIFF header; None if its writer did not know it.

    Args:
        stream: The file.
    """
    stream.seek(0)
    length = int.from_bytes(stream.read(8)[4:], "little")
    return length + 8 if 0 < length < _RIFF_UNKNOWN else None


def empty_avi_packets(media: Path, number: int) -> int:
    """Return how many packets of an AVI track have no content, by the index at its end.

    A writer fills the time before a late sound with them; they are counted as packets of the track.

    Args:
        media: The file; one that was cut off has no index, and counts as having none.
        number: The number of the track in the file.
    """
    size, at = media.stat().st_size, _AVI_FIRST_CHUNK
    with media.open("rb") as stream:
        while at + 8 <= size:
            stream.seek(at)
            name, length = stream.read(4), int.from_bytes(stream.read(4), "little")
            if name == b"idx1":
                index = stream.read(length)
                track = b"%02dwb" % number
                starts = range(0, len(index), _AVI_ENTRY)
                entries = (index[start : start + _AVI_ENTRY] for start in starts)
                return sum(one[:4] == track and not any(one[12:]) for one in entries)
            at += 8 + length + length % 2
    return 0


def is_broadcast(stream: BinaryIO) -> bool:
    """Return whether an ASF file was sent while it was recorded: then its length is not known.

    Args:
        stream: The file.
    """
    stream.seek(0)
    head = stream.read(_ASF_HEAD_BYTES)
    at = head.find(_ASF_PROPERTIES)
    return at >= 0 and bool(head[at + _ASF_FLAGS] & _ASF_BROADCAST)


def fragmented_duration(media: Path) -> float | None:
    """Return how long an MP4 file in fragments is by its header, in seconds.

    Recorders do not know it when they begin. None of the tracks need be as long as that.

    Args:
        media: The file.

    Returns:
        The duration; None if the header does not say.
    """
    with media.open("rb") as stream:
        movie = _first(b"moov", boxes(stream, media.stat().st_size))
        if movie is None:
            return None
        header = _content(stream, movie, b"mvhd")
        extends = _inside(stream, movie, b"mvex")
        fragments = _content(stream, extends, b"mehd") if extends else b""
    wide = _width(header)
    ticks_per_s = int.from_bytes(header[4 + 2 * wide : 8 + 2 * wide], "big")
    ticks = max(_ticks(header[8 + 2 * wide :], wide), _ticks(fragments[4:], _width(fragments)))
    return ticks / ticks_per_s if ticks and ticks_per_s else None


def _width(box: bytes) -> int:
    return 8 if box[:1] == b"\1" else 4


def _ticks(data: bytes, wide: int) -> int:
    """Return a duration; 0 if all of its bits are set, which means that it is not known."""
    found = data[:wide]
    return 0 if found == b"\xff" * wide else int.from_bytes(found, "big")


def _content(stream: BinaryIO, outer: Unit, name: bytes) -> bytes:
    box = _inside(stream, outer, name)
    if box is None or box.end is None:
        return b""
    stream.seek(box.content)
    return stream.read(min(box.end - box.content, 64))


def _inside(stream: BinaryIO, outer: Unit, name: bytes) -> Unit | None:
    end = outer.content if outer.end is None else outer.end
    return _first(name, boxes(stream, end, outer.content))


def _first(name: bytes, found: Iterable[Unit]) -> Unit | None:
    return next((box for box in found if box.name == name), None)
