"""Reservation of disk space for a download before it starts."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition

from meeting_pipeline.errors import FatalError, RetryableError, Stopped
from meeting_pipeline.storage.files import disk_full, is_full

FreeBytes = Callable[[Path], int]
_WRITABLE = "check that the data directory exists and is writable"
_BLOCK_BYTES = 512  # the unit of st_blocks, on every file system


def free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk that holds `folder`."""
    return shutil.disk_usage(folder).free


class NoRoomYet(RetryableError):
    """The space that a download needs is reserved for others.

    Args:
        part: The file to write.
        size_bytes: Its length when it is complete.
    """

    def __init__(self, part: Path, size_bytes: int) -> None:
        super().__init__(
            "disk_busy", f"{part.name} waits for disk space that is reserved for other downloads"
        )
        self.size_bytes = size_bytes


class DiskReservation:
    """Reservation of free disk space, shared by all downloads of this process.

    A download that has reserved space never waits for more, and one that waits has none, so every
    download gets its turn.

    Args:
        folder: A folder on the disk.
        floor_bytes: The space that stays free for others.
        free: Returns the free bytes of the disk that holds a folder.
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
        """Reserve the space for `part` to grow to a size, while the block runs.

        Waits while other downloads run: they may end without using their space, and files of
        earlier ones may be deleted meanwhile.

        Args:
            part: The file to write.
            size_bytes: Its length when it is complete.

        Raises:
            FatalError: "disk_full": there is no space, and no other download to wait for.
            Stopped: After `close`.
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
        """Reserve as `reserved` does, without waiting.

        Args:
            part: The file to write.
            size_bytes: Its length when it is complete.

        Raises:
            NoRoomYet: Where `reserved` would wait.
            FatalError: As `reserved` does.
            Stopped: After `close`.
        """
        with self._changed:
            if not self._may_begin(part, size_bytes):
                raise NoRoomYet(part, size_bytes)
            before = self._take(part, size_bytes)
        try:
            yield
        finally:
            self._give_back(part, before)

    def close(self) -> None:
        """Wake all that wait; they, and every later `reserved`, raise Stopped."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _may_begin(self, part: Path, size_bytes: int) -> bool:
        """Return whether there is space now; raise the error that ends the waiting without any."""
        if self._closed:
            raise Stopped("stopped", "the download was asked to end")
        if self._fits(part, size_bytes):
            return True
        if self._is_alone(part):
            raise self._refusal(part, size_bytes)
        return False

    def _take(self, part: Path, size_bytes: int) -> int | None:
        """Reserve, and return what the same download held before: it may learn its size late."""
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
        left = self._left()  # read twice, as other downloads write and files are deleted meanwhile
        return self._missing(part, size_bytes) <= min(left, self._left())

    def _missing(self, part: Path, size_bytes: int) -> int:
        """Return how many bytes this and all running downloads have still to write."""
        wanted = {**self._growing, part: size_bytes}
        return sum(max(0, size - _allocated(path)) for path, size in wanted.items())

    def _left(self) -> int:
        return self._free(self._folder) - self._floor_bytes

    def _refusal(self, part: Path, size_bytes: int) -> FatalError:
        missing, left = self._missing(part, size_bytes), max(0, self._left())
        return disk_full(
            f"{part.name} needs {missing / 1e6:.0f} MB, but only {left / 1e6:.0f} MB are free"
        )


@contextmanager
def disk_trouble(path: Path) -> Iterator[None]:
    """Translate errors of the operating system while `path` is written.

    Raises:
        FatalError: "disk_full" or "disk_unusable".
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
    """Return the bytes a file occupies; a file with holes occupies less than its size."""
    try:
        return path.lstat().st_blocks * _BLOCK_BYTES
    except FileNotFoundError:
        return 0
