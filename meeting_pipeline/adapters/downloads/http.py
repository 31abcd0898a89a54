"""Downloader with one stream per file, which needs nothing but Python."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from meeting_pipeline.adapters.downloads.disk import DiskReservation, NoRoomYet, disk_trouble
from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.adapters.downloads.media_client import MediaClient
from meeting_pipeline.adapters.downloads.part_file import HTTP, PartFile, RemoteFile
from meeting_pipeline.adapters.downloads.responses import Answer
from meeting_pipeline.domain.media_checks import LARGEST_MEDIA_BYTES, check_not_too_large
from meeting_pipeline.errors import FatalError, RecordError, RetryableError
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.ports.sources import MediaLink
from meeting_pipeline.storage.files import SyncedNowAndThen, create


@dataclass(frozen=True)
class _Transfer:
    """One call of `fetch`."""

    link: MediaLink
    file: PartFile
    progress: Progress


class HttpDownloader:
    """`ports.sources.Downloader` for https links, with one connection per file.

    A part is resumed only where the host proves that the object is still the same (If-Range,
    Content-Range, validator and length); otherwise the file starts over. `fetch` makes up to five
    attempts, then leaves the part for the next call. Threads may share one downloader.

    Args:
        hosts: The hosts that links and redirects may lead to.
        disk: Where room for each file is reserved before it is downloaded.
        stall_s: Seconds without progress, see `MediaClient`.
        first_wait_s: Seconds before the first retry, see `MediaClient`.
        largest_bytes: A file that is larger, or says that it is, raises RecordError("oversized").
    """

    def __init__(
        self,
        hosts: AllowedHosts,
        disk: DiskReservation,
        stall_s: float = 30.0,
        first_wait_s: float = 1.0,
        largest_bytes: int = LARGEST_MEDIA_BYTES,
    ) -> None:
        self.client = MediaClient(hosts, stall_s, first_wait_s)
        self._disk = disk
        self._largest_bytes = largest_bytes

    def fetch(self, link: MediaLink, part: Path, progress: Progress) -> None:
        transfer = _Transfer(link, PartFile(part, HTTP), progress)
        try:
            with disk_trouble(part):
                self.client.with_retries(lambda: self._attempt(transfer))
        except (RecordError, FatalError):
            transfer.file.discard()
            raise
        transfer.file.forget()

    def close(self) -> None:
        """Abort running downloads; they, and every later `fetch`, raise Stopped."""
        self._disk.close()
        self.client.close()

    def _attempt(self, transfer: _Transfer) -> None:
        try:
            self._request(transfer)
        except NoRoomYet as busy:  # no connection is held while we wait, so the host is asked again
            with self._disk.reserved(transfer.file.path, busy.size_bytes):
                self._request(transfer)

    def _request(self, transfer: _Transfer) -> None:
        """Request the bytes that the part lacks, and write them."""
        file = transfer.file
        begun = file.begun_with()
        offset = _offset(file, begun)
        with self.client.get(transfer.link.url, _range(begun, offset)) as answer:
            if not _resumes(answer, begun, offset):
                _start_over(answer, file)
                offset = 0
            expected = answer.remote.total_bytes
            check_not_too_large(file.path.name, expected or 0, self._largest_bytes)
            with self._disk.reserved_now(file.path, expected or transfer.link.size_bytes or 0):
                written = _write(answer, transfer, offset, self._largest_bytes)
        if expected is not None and written != expected:
            raise RetryableError("cut_short", f"{written} of {expected} bytes came")


def _offset(file: PartFile, begun: RemoteFile | None) -> int:
    """Return where to resume; of a whole part the last byte is requested again, as a proof."""
    if begun is None or begun.total_bytes is None:
        return 0
    return max(0, min(file.size_bytes, begun.total_bytes - 1))


def _range(begun: RemoteFile | None, offset: int) -> Mapping[str, str]:
    if begun is None or begun.validator is None or not offset:
        return {}
    return {"Range": f"bytes={offset}-", "If-Range": begun.validator}


def _resumes(answer: Answer, begun: RemoteFile | None, offset: int) -> bool:
    """Return whether the body is what the part lacks, and of the same object."""
    return (
        answer.is_partial
        and answer.start == offset
        and begun is not None
        and begun.is_surely(answer.remote)
    )


def _start_over(answer: Answer, file: PartFile) -> None:
    """Begin a new part for a whole body.

    Raises:
        RetryableError: "wrong_range": the host sent another range than was requested.
    """
    if answer.is_partial or answer.is_out_of_range:
        file.discard()
        raise RetryableError("wrong_range", "the media host sent another range than was asked for")
    file.begin(answer.remote)


def _write(answer: Answer, transfer: _Transfer, offset: int, largest_bytes: int) -> int:
    """Write the body at `offset` and return the length of the file."""
    path, expected = transfer.file.path, answer.remote.total_bytes
    with _opened(path, offset) if offset else create(path) as stream:
        growing = SyncedNowAndThen(stream)
        for block in answer.blocks():
            growing.write(block)
            offset += len(block)
            check_not_too_large(path.name, offset, largest_bytes)  # a body may have no length
            if expected:
                transfer.progress(min(1.0, offset / expected))
    return offset


def _opened(path: Path, offset: int) -> BinaryIO:
    stream = os.fdopen(os.open(path, os.O_WRONLY | os.O_NOFOLLOW), "wb")
    stream.truncate(offset)
    stream.seek(offset)
    return stream
