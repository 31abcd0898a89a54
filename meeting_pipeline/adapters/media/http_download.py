"""One stream per file, gone on with where it broke: needs nothing but Python."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from meeting_pipeline.adapters.media.answers import Answer
from meeting_pipeline.adapters.media.disk import DiskReservation, disk_trouble
from meeting_pipeline.adapters.media.hosts import AllowedHosts
from meeting_pipeline.adapters.media.media_client import MediaClient
from meeting_pipeline.adapters.media.part_file import PartFile, RemoteFile
from meeting_pipeline.errors import FatalError, RecordError, RetryableError
from meeting_pipeline.files import create
from meeting_pipeline.ports import MediaLink, Progress


class HttpDownloader:
    """`ports.Downloader` for https links, shared by threads.

    A part is gone on with only where the host proves that it is still the same object (If-Range,
    Content-Range, validator and length), else the file starts over. Five tries per `fetch`; then
    the part waits for the next one. stall_s, first_wait_s: see `MediaClient`.
    """

    def __init__(
        self,
        hosts: AllowedHosts,
        disk: DiskReservation,
        stall_s: float = 30.0,
        first_wait_s: float = 1.0,
    ) -> None:
        self._client = MediaClient(hosts, stall_s, first_wait_s)
        self._disk = disk

    def fetch(self, link: MediaLink, part: Path, progress: Progress) -> None:
        file = PartFile(part, "http")
        try:
            with disk_trouble(part):
                self._client.patiently(lambda: self._attempt(link, file, progress))
        except (RecordError, FatalError):
            file.discard()
            raise
        file.forget()

    def close(self) -> None:
        """Break off what runs; raises Stopped there and in every later `fetch`."""
        self._client.close()

    def _attempt(self, link: MediaLink, file: PartFile, progress: Progress) -> None:
        begun = file.begun_with()
        offset = _resume_at(file, begun)
        with self._client.get(link.url, _range(begun, offset)) as answer:
            if not _goes_on(answer, begun, offset):
                _start_over(answer, file)
                offset = 0
            expected = answer.remote.total_bytes
            with self._disk.reserved(file.path, expected or link.size_bytes or 0):
                written = _write(answer, file.path, offset, progress)
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


def _write(answer: Answer, path: Path, offset: int, progress: Progress) -> int:
    """Write the body at `offset`; returns how long the file is then."""
    expected = answer.remote.total_bytes
    with _opened(path, offset) if offset else create(path) as stream:
        for block in answer.blocks():
            stream.write(block)
            offset += len(block)
            if expected:
                progress(min(1.0, offset / expected))
    return offset


def _opened(path: Path, offset: int) -> BinaryIO:
    stream = os.fdopen(os.open(path, os.O_WRONLY | os.O_NOFOLLOW), "wb")
    stream.truncate(offset)
    stream.seek(offset)
    return stream
