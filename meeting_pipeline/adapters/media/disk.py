"""Room on the disk, promised to a download before it starts."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from meeting_pipeline.errors import FatalError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_WRITABLE = "see that the data directory is there and may be written"
_BLOCK_BYTES = 512  # the unit of st_blocks, on every file system


class DiskReservation:
    """Free space of the disk that holds `folder`, shared by all downloads of this process.

    floor_bytes: what stays free for everybody else.
    """

    def __init__(self, folder: Path, floor_bytes: int = 0) -> None:
        self._folder = folder
        self._floor_bytes = floor_bytes
        self._growing: dict[Path, int] = {}
        self._lock = Lock()

    @contextmanager
    def reserved(self, part: Path, size_bytes: int) -> Iterator[None]:
        """Room for `part` to grow to that size, while the block runs.

        Raises FatalError("disk_full") when it is not there.
        """
        with self._lock:
            self._check(part, size_bytes)
            self._growing[part] = size_bytes
        try:
            yield
        finally:
            with self._lock:
                del self._growing[part]

    def _check(self, part: Path, size_bytes: int) -> None:
        wanted = {**self._growing, part: size_bytes}
        missing = sum(max(0, size - _allocated(path)) for path, size in wanted.items())
        free = shutil.disk_usage(self._folder).free - self._floor_bytes
        if missing > free:
            raise disk_full(
                f"{part.name} and the downloads beside it need {missing / 1e6:.0f} MB, "
                f"{max(0, free) / 1e6:.0f} MB are free for them"
            )


def disk_full(message: str) -> FatalError:
    """The error for a disk without room."""
    return FatalError("disk_full", message, hint="free some space and run again")


@contextmanager
def disk_trouble(path: Path) -> Iterator[None]:
    """What the operating system says while `path` is written, as ours.

    Raises FatalError("disk_full"), ("disk_unusable").
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise disk_full(f"no space left to write {path.name}") from error
        raise FatalError(
            "disk_unusable",
            f"{path.name} cannot be written: {error.strerror}",
            hint=_WRITABLE,
        ) from error


def _allocated(path: Path) -> int:
    """What a file takes already; a file with holes takes less than its size."""
    try:
        return path.lstat().st_blocks * _BLOCK_BYTES
    except FileNotFoundError:
        return 0
