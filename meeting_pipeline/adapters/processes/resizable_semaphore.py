"""A semaphore whose size may change while it is held."""

from threading import Condition
from types import TracebackType


class ResizableSemaphore:
    """A semaphore that limits how many threads compute at once; `with semaphore:` takes one place.

    A recogniser process may use all cores while no other process is at work, and a share of them
    otherwise: its semaphore is resized whenever that changes.

    Args:
        size: How many threads may hold it at once, at first.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._changed = Condition()

    def resize(self, size: int) -> None:
        """Admit this many threads from now on; the ones that hold a place keep it to the end."""
        with self._changed:
            self._size = size
            self._changed.notify_all()

    def __enter__(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._taken < self._size)
            self._taken += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._taken -= 1
            self._changed.notify_all()
