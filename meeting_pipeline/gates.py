"""How much of each resource is used at once."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from meeting_pipeline.errors import Stopped
from meeting_pipeline.stages.base import Resource


class Gates:
    """Slots per resource, shared by all records in flight; closing lets nobody in any more.

    slots: resource → how many stages may use it at once; a resource without an entry is free.
    """

    def __init__(self, slots: Mapping[Resource, int]) -> None:
        self._slots = dict(slots)
        self._used: Counter[Resource] = Counter()
        self._changed = threading.Condition()
        self.closed = threading.Event()

    @contextmanager
    def slot(self, resource: Resource) -> Iterator[None]:
        """Wait for a slot and hold it; raises Stopped once the gates are closed."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed.is_set() or self._is_free(resource))
            self.check_open()
            self._used[resource] += 1
        try:
            yield
        finally:
            with self._changed:
                self._used[resource] -= 1
                self._changed.notify_all()

    def check_open(self) -> None:
        """Raises Stopped once the gates are closed."""
        if self.closed.is_set():
            raise Stopped("stopped", "the run was asked to end")

    def close(self) -> None:
        """Let nobody in any more; who is inside finishes."""
        with self._changed:
            self.closed.set()
            self._changed.notify_all()

    def _is_free(self, resource: Resource) -> bool:
        return self._used[resource] < self._slots.get(resource, self._used[resource] + 1)
