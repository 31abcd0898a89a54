"""Detection of files that were cut off, where no declared duration shows it.

A live recording in fragments does not know how long it will be, and it may end after any of them.
But it never ends within one: a file whose last box, element, packet, tag or frame has fewer bytes
than its header says lost its end, and so did one whose index lists bytes that are not there.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO

from meeting_pipeline.adapters.media import ogg
from meeting_pipeline.adapters.media.intact import BOXES, is_known_element
from meeting_pipeline.adapters.media.units import (
    Unit,
    boxes,
    elements,
    frames,
    tags,
    transport_packets,
)
from meeting_pipeline.errors import RecordError

_TS_PACKET = 188  # without what some recorders add to each
_REFERENCE = 12
_LARGEST_INDEX = (_REFERENCE << 16) + 64
_BOX_HEADER = 8
_FIRST_BOXES = (b"ftyp", b"wide", b"mdat", b"moov")


def check_not_cut_off(media: Path, kind: str) -> None:
    """Refuse a file in which bytes are missing at the end.

    Args:
        media: The file.
        kind: FFmpeg's first name of its format.

    Raises:
        RecordError: "truncated_media".
    """
    if kind == "ogg":
        ogg.check_ended(media)
        return
    missing_bytes = _MISSING_BYTES.get(kind)
    if missing_bytes is None:
        return
    size = media.stat().st_size
    with media.open("rb") as stream:
        missing = missing_bytes(stream, size)
    if missing > 0:
        raise RecordError(
            "truncated_media",
            f"{media.name} is cut off: after its {size:,} bytes, {missing:,} or more are missing",
        )


def lacks_index(media: Path) -> bool:
    """Return whether an MP4 or QuickTime file has no index, without which nothing can be decoded.

    A recorder writes the index at the end.

    Args:
        media: The file.
    """
    size = media.stat().st_size
    with media.open("rb") as stream:
        found = list(takewhile(lambda box: box.name in BOXES, boxes(stream, size)))
    is_movie = bool(found) and found[0].name in _FIRST_BOXES
    return is_movie and not any(
        box.name == b"moov" and box.end is not None and box.end <= size for box in found
    )


def _missing_in_elements(stream: BinaryIO, size: int) -> int:
    found = elements(stream, size, in_clusters=False)
    return _last_end(one for one in found if is_known_element(one.name)) - size


def _missing_in_tags(stream: BinaryIO, size: int) -> int:
    return _last_end(tags(stream, size)) - size


def _missing_in_frames(stream: BinaryIO, size: int) -> int:
    return _last_end(frames(stream, size)) - size


def _last_end(units: Iterable[Unit]) -> int:
    return max((one.content if one.end is None else one.end for one in units), default=0)


def _missing_in_boxes(stream: BinaryIO, size: int) -> int:
    """Return what is missing of fragments; of other files the durations of the tracks tell it."""
    at, last, missing, has_fragments = 0, b"", 0, False
    for box in boxes(stream, size):
        if box.name not in BOXES or (box.end is not None and box.end < box.content):
            return missing if has_fragments else 0  # what some cameras add after the last box
        has_fragments |= box.name in (b"moof", b"sidx")
        at, last = size if box.end is None else box.end, box.name
        if last == b"sidx":
            missing = max(missing, _end_of_index(stream, box.content, at) - size)
        missing = max(missing, at - size)
    if not has_fragments:
        return 0
    stream.seek(min(at, size))
    header = stream.read(_BOX_HEADER)
    if last == b"moof" or any(header):
        missing = max(missing, _BOX_HEADER - len(header))
    return missing


def _end_of_index(stream: BinaryIO, content: int, end: int) -> int:
    """Return where the last fragment ends that an index of fragments ("sidx") lists."""
    stream.seek(content)
    data = stream.read(min(end - content, _LARGEST_INDEX))
    wide = 8 if data[:1] == b"\1" else 4
    first_at = 12 + wide
    first = int.from_bytes(data[first_at : first_at + wide], "big")
    references = data[first_at + wide + 4 :]
    sizes = (
        int.from_bytes(references[at : at + 4], "big") & 0x7FFF_FFFF
        for at in range(0, len(references), _REFERENCE)
    )
    return end + first + sum(sizes)


def _missing_in_packets(stream: BinaryIO, size: int) -> int:
    packets = transport_packets(stream)
    if packets is None:
        return 0
    begin, length = packets
    rest = (size - begin) % length
    return 0 if rest in (0, _TS_PACKET) else length - rest


_MISSING_BYTES: Mapping[str, Callable[[BinaryIO, int], int]] = {
    "mov": _missing_in_boxes,
    "matroska": _missing_in_elements,
    "mpegts": _missing_in_packets,
    "flv": _missing_in_tags,
    "aac": _missing_in_frames,
}
"""How many bytes are missing at least, by FFmpeg's name of the format; none if not positive."""
