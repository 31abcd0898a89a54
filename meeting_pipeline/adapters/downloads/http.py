"""One stream per file, gone on with where it broke: needs nothing but Python."""

import os
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from meeting_pipeline.adapters.downloads.disk import DiskReservation, NoRoomYet, disk_trouble
from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.adapters.downloads.media_client import MediaClient
from meeting_pipeline.adapters.downloads.pace import Line
from meeting_pipeline.adapters.downloads.part_file import PartFile, RemoteFile
from meeting_pipeline.adapters.downloads.responses import Answer
from meeting_pipeline.domain.media_checks import LARGEST_MEDIA_BYTES, check_not_too_large
from meeting_pipeline.errors import FatalError, RecordError, RetryableError
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.ports.sources import MediaLink
from meeting_pipeline.storage.files import SyncedNowAndThen, create

OF_ONE_STREAM = "http"
"""Who wrote a part that has no holes."""


@dataclass(frozen=True)
class _Wish:
    """What is to be fetched, and the line over which it comes, where there is one to share."""

    link: MediaLink
    file: PartFile
    progress: Progress
    line: Line | None = None


class _TooSlow(Exception):
    """More connections may be faster."""


class HttpDownloader:
    """`ports.sources.Downloader` for https links, shared by threads.

    A part is gone on with only where the host proves that it is still the same object (If-Range,
    Content-Range, validator and length), else the file starts over. Five tries per `fetch`; then
    the part waits for the next one. stall_s, first_wait_s: see `MediaClient`. largest_bytes: what
    is larger, or says that it is, raises RecordError("oversized").
    """

    def __init__(
        self,
        hosts: AllowedHosts,
        disk: DiskReservation,
        stall_s: float = 30.0,
        first_wait_s: float = 1.0,
        largest_bytes: int = LARGEST_MEDIA_BYTES,
    ) -> None:
        self._client = MediaClient(hosts, stall_s, first_wait_s)
        self._disk = disk
        self._largest_bytes = largest_bytes

    def fetch(self, link: MediaLink, part: Path, progress: Progress) -> None:
        self._fetch(_Wish(link, PartFile(part, OF_ONE_STREAM), progress))

    def begin(
        self,
        link: MediaLink,
        part: Path,
        progress: Progress,
        line: Line,
    ) -> bool:
        """As `fetch`, in turn with all others of this line.

        Returns whether all is here; else several connections may be faster, and the part is good
        so far, and without holes.
        """
        try:
            self._fetch(_Wish(link, PartFile(part, OF_ONE_STREAM), progress, line))
        except _TooSlow:
            return False
        return True

    def close(self) -> None:
        """Break off what runs; raises Stopped there and in every later `fetch`."""
        self._disk.close()
        self._client.close()

    def _fetch(self, wish: _Wish) -> None:
        try:
            with disk_trouble(wish.file.path):
                self._client.patiently(lambda: self._attempt(wish))
        except (RecordError, FatalError):
            wish.file.discard()
            raise
        wish.file.forget()

    def _attempt(self, wish: _Wish) -> None:
        try:
            self._take(wish)
        except NoRoomYet as busy:  # the host was not kept waiting, so it is asked again
            with self._disk.reserved(wish.file.path, busy.size_bytes):
                self._take(wish)

    def _take(self, wish: _Wish) -> None:
        with wish.line.in_use() if wish.line else nullcontext():
            self._taken(wish)

    def _taken(self, wish: _Wish) -> None:
        file = wish.file
        begun = file.begun_with()
        offset = _resume_at(file, begun)
        with self._client.get(wish.link.url, _range(begun, offset)) as answer:
            if not _goes_on(answer, begun, offset):
                _start_over(answer, file)
                offset = 0
            expected = answer.remote.total_bytes
            check_not_too_large(file.path.name, expected or 0, self._largest_bytes)
            with self._disk.reserved_now(file.path, expected or wish.link.size_bytes or 0):
                written = _write(answer, wish, offset, self._largest_bytes)
        if expected is not None and written != expected:
            raise RetryableError("cut_short", f"{written} of {expected} bytes came")


def _resume_at(file: PartFile, begun: RemoteFile | None) -> int:
    """Where to go on; a part that is whole has its last byte asked again, as a proof."""
    if begun is None or begun.total_bytes is None:
        return 0
    return max(0, min(file.size_bytes, begun.total_bytes - 1))


def _range(begun: RemoteFile | None, offset: int) -> Mapping[str, str]:
    if begun is None or begun.validator is None or not offset:
        return {}
    return {"Range": f"bytes={offset}-", "If-Range": begun.validator}


def _goes_on(answer: Answer, begun: RemoteFile | None, offset: int) -> bool:
    """Whether the body is what is missing from the part."""
    return (
        answer.is_partial
        and answer.start == offset
        and begun is not None
        and begun.is_surely(answer.remote)
    )


def _start_over(answer: Answer, file: PartFile) -> None:
    """Begin with the whole body, or with nothing where the host sent some other range."""
    if answer.is_partial or answer.is_out_of_range:
        file.discard()
        raise RetryableError("wrong_range", "the media host sent another range than was asked for")
    file.begin(answer.remote)


def _write(answer: Answer, wish: _Wish, offset: int, largest_bytes: int) -> int:
    """Write the body at `offset`; returns how long the file is then. Raises _TooSlow."""
    path, expected = wish.file.path, answer.remote.total_bytes
    with _opened(path, offset) if offset else create(path) as stream:
        growing = SyncedNowAndThen(stream)
        for block in answer.blocks():
            growing.write(block)
            offset += len(block)
            check_not_too_large(path.name, offset, largest_bytes)  # a body may have no length
            if expected:
                wish.progress(min(1.0, offset / expected))
            rest = -1 if expected is None else expected - offset
            if wish.line and wish.line.one_brought(len(block), rest):
                raise _TooSlow
    return offset


def _opened(path: Path, offset: int) -> BinaryIO:
    stream = os.fdopen(os.open(path, os.O_WRONLY | os.O_NOFOLLOW), "wb")
    stream.truncate(offset)
    stream.seek(offset)
    return stream
