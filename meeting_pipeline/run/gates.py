"""How much of each resource is used at once, and who waits for it."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

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
    """The gate of one resource (`ports.gate.Gate`): who came first is let in first."""

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
        self._lock = threading.Lock()
        self._queue: deque[_Turn] = deque()
        self._used = self._waiting = self._entries = 0
        self._busy_s = self._bound_s = self._waited_s = 0.0
        self._since = clock()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a slot and hold it; raises Stopped once the gates are closed."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Hold a slot and use nothing: while anybody does, the resource is full with the others."""
        came = self._clock()
        self._count_waiting(1)
        try:
            yield
        finally:
            self._count_waiting(-1)
            self._count_wait(self._clock() - came)

    def use(self) -> GateUse:
        """How it stands now."""
        with self._lock:
            self._count_busy()
            used = self._used - self._waiting
            return GateUse(
                self._resource,
                max(1, used) if self._waiting else self._slots,
                used,
                len(self._queue) + self._waiting,
                self._busy_s,
                self._bound_s,
                self._waited_s,
                self._entries,
            )

    def wake(self) -> None:
        """Let who waits look whether the gates are closed."""
        with self._lock:
            for turn in self._queue:
                turn.has_come.set()

    def _enter(self) -> None:
        with self._lock:
            if self._closed.is_set():
                raise _stopped()
            if self._used < self._slots:
                self._take_slot()
                return
            turn, came = _Turn(), self._clock()
            self._queue.append(turn)
        try:
            turn.has_come.wait()
            if self._closed.is_set():
                raise _stopped()
        except BaseException:
            self._give_up(turn)
            raise
        finally:
            self._count_wait(self._clock() - came)

    def _give_up(self, turn: "_Turn") -> None:
        with self._lock:
            if turn.has_slot:
                self._free_slot()
            else:
                self._queue.remove(turn)

    def _count_wait(self, seconds: float) -> None:
        with self._lock:
            self._waited_s += seconds
            self._waits.seconds += seconds

    def _count_waiting(self, change: int) -> None:
        with self._lock:
            self._count_busy()
            self._waiting += change

    def _take_slot(self) -> None:
        self._count_busy()
        self._used += 1
        self._entries += 1

    def _leave(self) -> None:
        with self._lock:
            self._free_slot()

    def _free_slot(self) -> None:
        """Hand the slot to who came first; nobody else is woken."""
        self._count_busy()
        self._used -= 1
        if self._queue and not self._closed.is_set():
            self._take_slot()
            turn = self._queue.popleft()
            turn.has_slot = True
            turn.has_come.set()

    def _count_busy(self) -> None:
        now = self._clock()
        passed_s, used = now - self._since, self._used - self._waiting
        self._busy_s += used * passed_s
        self._bound_s += passed_s if self._waiting else used / self._slots * passed_s
        self._since = now


@dataclass(eq=False)
class _Turn:
    """One who waits. has_come: set when there is a slot for it, or none will be."""

    has_come: threading.Event = field(default_factory=threading.Event)
    has_slot: bool = False


class _Waits(threading.local):
    """What the present thread has waited."""

    seconds = 0.0


def _stopped() -> Stopped:
    return Stopped("stopped", "the run was asked to end")
