"""How many threads of a recogniser process compute at once: all while no other is at work."""

from threading import Condition
from types import TracebackType


class ResizableSemaphore:
    """A semaphore whose size may change while it is used; `with slots:` takes one place."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._changed = Condition()

    def resize(self, size: int) -> None:
        """From now on that many at once; who is at work finishes."""
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
