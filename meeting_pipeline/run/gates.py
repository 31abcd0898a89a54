"""The gates of a run, which limit the simultaneous uses of each resource and measure them."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from meeting_pipeline.domain.timing import GateUse, Resource
from meeting_pipeline.errors import Stopped


class Gates:
    """One gate for each resource, shared by all records in flight.

    Attributes:
        closed: Set once the gates are closed; back ends end their waits by it, too.
    """

    def __init__(
        self, slots: Mapping[Resource, int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Create open gates.

        Args:
            slots: The number of slots of each resource.
            clock: Returns seconds.
        """
        self.closed = threading.Event()
        self._waits = _Waits()
        self._gates = {
            resource: SlotGate(resource, count, self.closed, self._waits, clock)
            for resource, count in slots.items()
        }

    def __getitem__(self, resource: Resource) -> "SlotGate":
        return self._gates[resource]

    def use(self) -> tuple[GateUse, ...]:
        """Return the use of each resource."""
        return tuple(gate.use() for gate in self._gates.values())

    def waited_s(self) -> float:
        """Return the seconds that this thread has waited at gates since it began."""
        return self._waits.seconds

    def check_open(self) -> None:
        """Raise Stopped if the gates are closed."""
        if self.closed.is_set():
            raise _stopped()

    def close(self) -> None:
        """Give out no more slots; slots in use may be used to their end."""
        self.closed.set()
        for gate in self._gates.values():
            gate.wake()


class SlotGate:
    """The gate of one resource (see `ports.gate.Gate`); it gives out slots in order of arrival."""

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
        self._used = self._entries = 0
        self._busy_s = self._waited_s = 0.0
        self._since = clock()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a slot and hold it while the block runs; see `Gate.slot`."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def use(self) -> GateUse:
        """Return the use of the resource."""
        with self._lock:
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
        """Wake all waiting threads, so that they see that the gates are closed."""
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
            turn, began = _Turn(), self._clock()
            self._queue.append(turn)
        try:
            turn.has_come.wait()
            if self._closed.is_set():
                raise _stopped()
        except BaseException:
            self._give_up(turn)
            raise
        finally:
            self._count_wait(self._clock() - began)

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

    def _take_slot(self) -> None:
        self._count_busy()
        self._used += 1
        self._entries += 1

    def _leave(self) -> None:
        with self._lock:
            self._free_slot()

    def _free_slot(self) -> None:
        """Hand the slot to the thread that has waited longest, and wake no other."""
        self._count_busy()
        self._used -= 1
        if self._queue and not self._closed.is_set():
            self._take_slot()
            turn = self._queue.popleft()
            turn.has_slot = True
            turn.has_come.set()

    def _count_busy(self) -> None:
        now = self._clock()
        self._busy_s += self._used * (now - self._since)
        self._since = now


@dataclass(eq=False)
class _Turn:
    """A waiting thread's place in the queue.

    Attributes:
        has_come: Set when the thread has a slot, or will not get one.
        has_slot: Whether it has a slot.
    """

    has_come: threading.Event = field(default_factory=threading.Event)
    has_slot: bool = False


class _Waits(threading.local):
    """The seconds that the current thread has waited."""

    seconds = 0.0


def _stopped() -> Stopped:
    return Stopped("stopped", "the run was asked to end")
