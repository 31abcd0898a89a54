"""How much of each resource is used at once, and who waits for it."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from meeting_pipeline.domain.timing import GateUse, Resource
from meeting_pipeline.errors import Stopped


class Gates:
    """One gate per resource, shared by all records in flight; closing lets nobody in any more.

    slots: resource → how many may use it at once. closed: set once they are closed; waits of the
    back ends end with it, too. clock: seconds.
    """

    def __init__(
        self, slots: Mapping[Resource, int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.closed = threading.Event()
        self._waits = _Waits()
        self._gates = {
            resource: SlotGate(resource, count, self.closed, self._waits, clock)
            for resource, count in slots.items()
        }

    def __getitem__(self, resource: Resource) -> "SlotGate":
        return self._gates[resource]

    def use(self) -> tuple[GateUse, ...]:
        """How each stands now."""
        return tuple(gate.use() for gate in self._gates.values())

    def waited_s(self) -> float:
        """Seconds that this thread has waited at gates since it began."""
        return self._waits.seconds

    def check_open(self) -> None:
        """Raises Stopped once the gates are closed."""
        if self.closed.is_set():
            raise _stopped()

    def close(self) -> None:
        """Let nobody in any more; who is inside finishes."""
        self.closed.set()
        for gate in self._gates.values():
            gate.wake()


class SlotGate:
    """The gate of one resource (`ports.Gate`): who came first is let in first."""

    def __init__(
        self,
        resource: Resource,
        slots: int,
        closed: threading.Event,
        waits: "_Waits",
        clock: Callable[[], float],
    ) -> None:
        self._resource = resource
        self._slots = slots
        self._closed = closed
        self._waits = waits
        self._clock = clock
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._used = self._entries = 0
        self._busy_s = self._waited_s = 0.0
        self._since = clock()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a slot and hold it; raises Stopped once the gates are closed."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def use(self) -> GateUse:
        """How it stands now."""
        with self._changed:
            self._count_busy()
            return GateUse(
                self._resource,
                self._slots,
                self._used,
                len(self._queue),
                self._busy_s,
                self._waited_s,
                self._entries,
            )

    def wake(self) -> None:
        """Let who waits look whether the gates are closed."""
        with self._changed:
            self._changed.notify_all()

    def _enter(self) -> None:
        with self._changed:
            self._wait_in_line()
            if self._closed.is_set():
                raise _stopped()
            self._count_busy()
            self._used += 1
            self._entries += 1

    def _wait_in_line(self) -> None:
        ticket, came = object(), self._clock()
        self._queue.append(ticket)
        try:
            self._changed.wait_for(lambda: self._closed.is_set() or self._is_turn_of(ticket))
        finally:
            self._queue.remove(ticket)
            self._changed.notify_all()  # the next one may find a slot, too
            waited_s = self._clock() - came
            self._waited_s += waited_s
            self._waits.seconds += waited_s

    def _is_turn_of(self, ticket: object) -> bool:
        return self._used < self._slots and self._queue[0] is ticket

    def _leave(self) -> None:
        with self._changed:
            self._count_busy()
            self._used -= 1
            self._changed.notify_all()

    def _count_busy(self) -> None:
        now = self._clock()
        self._busy_s += self._used * (now - self._since)
        self._since = now


class _Waits(threading.local):
    """What the present thread has waited."""

    seconds = 0.0


def _stopped() -> Stopped:
    return Stopped("stopped", "the run was asked to end")
