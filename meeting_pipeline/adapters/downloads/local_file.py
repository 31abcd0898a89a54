"""Downloader that copies local files, for sources whose links are file://."""

import errno
import os
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes, urlsplit

from meeting_pipeline.domain.media_checks import LARGEST_MEDIA_BYTES, check_not_too_large
from meeting_pipeline.errors import MeetingError, RecordError, RetryableError
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.ports.sources import MediaLink
from meeting_pipeline.storage.files import create, disk_full, is_full

_BLOCK_BYTES = 1 << 20


class LocalFileDownloader:
    """`ports.sources.Downloader` for file:// links; a copy is never resumed."""

    def fetch(self, link: MediaLink, part: Path, progress: Progress) -> None:
        """Copy a file.

        Args:
            link: A file:// link.
            part: The file to write.
            progress: Told the fraction (0..1) that is copied.

        Raises:
            RetryableError: "file_missing", "file_unreadable", or "file_changed": the file was
                written while it was copied.
            RecordError: "unsupported_link" or "oversized".
            FatalError: "disk_full".
        """
        path = _path_of(link)
        if not path.is_file():
            raise RetryableError("file_missing", f"{path} does not exist")
        try:
            with path.open("rb") as source, create(part) as target:
                before = os.fstat(source.fileno())
                check_not_too_large(path.name, before.st_size, LARGEST_MEDIA_BYTES)
                _copy(source, target, before.st_size, progress)
            after = path.stat()
        except OSError as error:
            if error.errno == errno.EROFS:  # our own disk, which concerns every record
                raise
            raise _translated(error, path) from error
        if _identity(before) != _identity(after) or part.stat().st_size != before.st_size:
            raise RetryableError("file_changed", f"{path} changed while it was copied")


def _path_of(link: MediaLink) -> Path:
    parts = urlsplit(link.url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise RecordError("unsupported_link", "only links to local files can be copied")
    return Path(os.fsdecode(unquote_to_bytes(parts.path)))  # a name may not be UTF-8


def _copy(source: BinaryIO, target: BinaryIO, size: int, progress: Progress) -> None:
    """Copy at most one block beyond `size`, so that copying a file that keeps growing ends."""
    copied = 0
    while copied <= size and (block := source.read(_BLOCK_BYTES)):
        target.write(block)
        copied += len(block)
        progress(min(1.0, copied / max(size, 1)))


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _translated(error: OSError, path: Path) -> MeetingError:
    if is_full(error):
        return disk_full(f"no space left to copy {path}")
    return RetryableError("file_unreadable", f"{path} cannot be copied: {error.strerror}")
