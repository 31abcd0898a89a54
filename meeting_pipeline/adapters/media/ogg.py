"""Detection of truncated Ogg files.

Ogg has no duration field: the time of the last page in the file is taken for it, wherever the file
was cut. Truncation shows in the flag that the last page of every logical stream has (RFC 3533).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from meeting_pipeline.errors import RecordError

_HEADER_BYTES = 27
_BEGINS, _ENDS = 2, 4


@dataclass(frozen=True)
class _Page:
    """A page of an Ogg file; `serial` identifies its logical stream."""

    serial: bytes
    flags: int


def check_ended(media: Path) -> None:
    """Refuse a file in which a logical stream begins and does not end.

    A live stream recorded from the network may lack the flag although it is complete. It cannot be
    distinguished from a truncated file, so it is refused as well.

    Raises:
        RecordError: "truncated_media".
    """
    unended: set[bytes] = set()
    with media.open("rb") as stream:
        for page in _pages(stream, media.stat().st_size):
            if page.flags & _BEGINS:
                unended.add(page.serial)
            if page.flags & _ENDS:
                unended.discard(page.serial)
    if unended:
        raise RecordError("truncated_media", f"{media.name} is truncated: its last page is missing")


def _pages(stream: BinaryIO, size_bytes: int) -> Iterator[_Page]:
    """Yield the complete pages that follow one another without a gap."""
    while len(header := stream.read(_HEADER_BYTES)) == _HEADER_BYTES and header[:4] == b"OggS":
        lengths = stream.read(header[26])
        if len(lengths) < header[26] or stream.seek(sum(lengths), 1) > size_bytes:
            return
        yield _Page(header[14:18], header[5])
