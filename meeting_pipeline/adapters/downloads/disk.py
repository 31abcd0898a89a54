"""Room on the disk, promised to a download before it starts."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition

from meeting_pipeline.errors import FatalError, RetryableError, Stopped
from meeting_pipeline.storage.files import disk_full, is_full

FreeBytes = Callable[[Path], int]
_WRITABLE = "see that the data directory is there and may be written"
_BLOCK_BYTES = 512  # the unit of st_blocks, on every file system


def free_bytes(folder: Path) -> int:
    """What the disk that holds `folder` has free for us."""
    return shutil.disk_usage(folder).free


class NoRoomYet(RetryableError):
    """Other downloads have what this one needs. size_bytes: how long its file will be."""

    def __init__(self, part: Path, size_bytes: int) -> None:
        super().__init__("disk_busy", f"{part.name} waits for the downloads beside it")
        self.size_bytes = size_bytes


class DiskReservation:
    """Free space of the disk that holds `folder`, shared by all downloads of this process.

    floor_bytes: what stays free for everybody else. Who holds room waits for nobody, so whoever
    waits has its turn; who waits holds none.
    """

    def __init__(self, folder: Path, floor_bytes: int = 0, free: FreeBytes = free_bytes) -> None:
        self._folder = folder
        self._floor_bytes = floor_bytes
        self._free = free
        self._growing: dict[Path, int] = {}
        self._changed = Condition()
        self._closed = False

    @contextmanager
    def reserved(self, part: Path, size_bytes: int) -> Iterator[None]:
        """Room for `part` to grow to that size, while the block runs.

        Waits while other downloads are under way: they may end without their share, and what was
        made of earlier ones may be gone by then. Raises FatalError("disk_full") where there is no
        room and nobody to wait for, Stopped after `close`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._may_begin(part, size_bytes))
            before = self._take(part, size_bytes)
        try:
            yield
        finally:
            self._give_back(part, before)

    @contextmanager
    def reserved_now(self, part: Path, size_bytes: int) -> Iterator[None]:
        """As `reserved`, for callers that keep somebody waiting: raises NoRoomYet instead."""
        with self._changed:
            if not self._may_begin(part, size_bytes):
                raise NoRoomYet(part, size_bytes)
            before = self._take(part, size_bytes)
        try:
            yield
        finally:
            self._give_back(part, before)

    def close(self) -> None:
        """Wake everybody who waits; raises Stopped there and in every later `reserved`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _may_begin(self, part: Path, size_bytes: int) -> bool:
        """Whether there is room now; raises what ends the waiting without any."""
        if self._closed:
            raise Stopped("stopped", "the download was asked to end")
        if self._fits(part, size_bytes):
            return True
        if self._is_alone(part):
            raise self._refusal(part, size_bytes)
        return False

    def _take(self, part: Path, size_bytes: int) -> int | None:
        """Returns what the same download held before (it may learn its size under way)."""
        before = self._growing.get(part)
        self._growing[part] = size_bytes
        return before

    def _give_back(self, part: Path, before: int | None) -> None:
        with self._changed:
            if before is None:
                del self._growing[part]
            else:
                self._growing[part] = before
            self._changed.notify_all()

    def _is_alone(self, part: Path) -> bool:
        return not self._growing.keys() - {part}

    def _fits(self, part: Path, size_bytes: int) -> bool:
        left = self._left()  # looked at twice: meanwhile the others write, and files go
        return self._missing(part, size_bytes) <= min(left, self._left())

    def _missing(self, part: Path, size_bytes: int) -> int:
        """What this download and those under way have still to write."""
        wanted = {**self._growing, part: size_bytes}
        return sum(max(0, size - _allocated(path)) for path, size in wanted.items())

    def _left(self) -> int:
        return self._free(self._folder) - self._floor_bytes

    def _refusal(self, part: Path, size_bytes: int) -> FatalError:
        missing, left = self._missing(part, size_bytes), max(0, self._left())
        return disk_full(
            f"{part.name} needs {missing / 1e6:.0f} MB, {left / 1e6:.0f} MB are free for it"
        )


@contextmanager
def disk_trouble(path: Path) -> Iterator[None]:
    """What the operating system says while `path` is written, as ours.

    Raises FatalError("disk_full"), ("disk_unusable").
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
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
