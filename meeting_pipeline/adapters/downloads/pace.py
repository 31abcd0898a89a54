"""How fast a host brings files, and how many files and connections at once are worth while."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from threading import Condition, get_ident
from time import monotonic

from meeting_pipeline.errors import Stopped
from meeting_pipeline.ports.gate import OPEN, Gate

FAST_BYTES_PER_S = 20_000_000.0
_WINDOW_S = 0.2
_LANE_S = 0.5  # of as many under way; before it counts, as long again to come to speed
_SOON_S = 2.0  # no trials yet: whoever works on the first files shall have them one by one
_LANE_GAIN = 1.1
_ENDING_S = 0.05  # what an answer takes to begin; until then the line would be empty
_ANEW_S = 30.0
_STANDSTILL_S = 1.0
_LEAST_BYTES = 1 << 20  # a smaller rest is not shared out
_LEAST_S = 0.15
_LEAST_GAIN = 1.05
_WARM_UP_FILES = 2  # aria2c has to start, and so have its connections
_TRIAL_FILES = 4


class Line:
    """All that comes from one host, over however many connections; shared by threads.

    Files come one after the other where one connection fills the line: the first of them is here
    sooner, and none is later. The next is asked for while the last bytes of one still come. One
    more at once is tried now and then, and stays where more comes in all. Where the only connection
    is slow, nobody waits for anybody, and several connections for a file are tried: they are worth
    while where more comes in all, not where one file is faster because it takes the line away from
    the others; where they are not, files come one after the other again. Only time in which
    something is under way counts.

    fast_bytes_per_s: a connection that brings so much is left alone. gate: told who waits for a
    turn, for the slot that is held meanwhile is of no use. clock: seconds.
    """

    def __init__(
        self,
        fast_bytes_per_s: float = FAST_BYTES_PER_S,
        gate: Gate = OPEN,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._fast_bytes_per_s = fast_bytes_per_s
        self._gate = gate
        self._clock = clock
        self._changed = Condition()
        self._queue: deque[object] = deque()
        self._closed = False
        self._is_slow, self._is_even = fast_bytes_per_s == inf, False
        self._lanes = inf if self._is_slow else 1
        self._is_warm = False
        self._one_less_brought = 0.0
        self._settled_at: float | None = None
        self._under_way, self._busy_s, self._since, self._moved_at = 0, 0.0, 0.0, 0.0
        self._ending: set[int] = set()  # threads whose file is nearly here
        self._bytes = self._bytes_by_one = 0
        self._window = (0.0, 0)
        self._rate = self._fastest_by_one = 0.0
        self._files, self._trial = 0, (0.0, 0)

    @property
    def wants_several(self) -> bool:
        """Whether several connections are worth while: one was slow, and they were not as slow."""
        return self._is_slow and not self._is_even

    @property
    def rate(self) -> float:
        """Bytes per second that came of late by connections that are alone with their file."""
        return self._rate

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """A file is under way while the block runs; waits for its turn.

        Raises Stopped after `close`.
        """
        self._enter()
        try:
            yield
        finally:
            with self._changed:
                self._tick()
                self._under_way -= 1
                self._ending.discard(get_ident())
                self._changed.notify_all()

    def close(self) -> None:
        """Wake everybody who waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def one_brought(self, size: int, rest: int) -> bool:
        """So many bytes came over the only connection of a file, which lacks the rest.

        rest: below 0 where nobody knows.
        Returns whether several connections had better go on with it.
        """
        with self._changed:
            self._tick()
            self._moved_at = self._since
            self._bytes += size
            self._bytes_by_one += size
            if self._bytes_by_one == size:
                self._begin_window()  # to connect is no matter of the line
            if self._in_lanes <= self._lanes:
                self._look()
            else:
                self._begin_window()  # more are under way than shall be
            if 0 <= rest < _ENDING_S * self._rate and get_ident() not in self._ending:
                self._ending.add(get_ident())
                self._changed.notify_all()
            each = self._rate / max(1, self._under_way)
            return self.wants_several and rest > max(_LEAST_BYTES, _LEAST_S * each)

    def several_brought(self, size: int) -> None:
        """A file is here whose last `size` bytes came over several connections."""
        with self._changed:
            self._tick()
            self._moved_at = self._since
            self._bytes += size
            self._files += 1
            if self._files == _WARM_UP_FILES:
                self._trial = (self._busy_s, self._bytes)
            elif self._files == _WARM_UP_FILES + _TRIAL_FILES:
                self._judge(*self._trial)
                self._files = 0

    def several_refused(self) -> None:
        """The host does not want so many connections: from now on each file has one."""
        with self._changed:
            self._leave_several()

    def _enter(self) -> None:
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            try:
                self._await_turn(ticket)
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()
            if self._closed:
                raise Stopped("stopped", "the download was asked to end")
            self._tick()
            if not self._under_way:
                self._moved_at = self._since
            self._under_way += 1

    def _await_turn(self, ticket: object) -> None:
        if self._may_begin(ticket):
            return
        with self._gate.waiting():
            while not self._may_begin(ticket):
                self._changed.wait(_STANDSTILL_S)

    def _may_begin(self, ticket: object) -> bool:
        if self._closed:
            return True
        if self._queue[0] is not ticket:
            return False
        stands_still = self._clock() - self._moved_at > _STANDSTILL_S
        return stands_still or self._in_lanes < self._lanes

    @property
    def _in_lanes(self) -> int:
        return self._under_way - len(self._ending)

    def _look(self) -> None:
        """See how much came while so many were under way."""
        since, had = self._window
        passed_s = self._busy_s - since
        if passed_s < _WINDOW_S:
            return
        self._rate = (self._bytes_by_one - had) / passed_s
        self._fastest_by_one = max(self._fastest_by_one, self._rate)
        if self._lanes == 1 and not self._is_even and self._rate < self._fast_bytes_per_s:
            self._is_slow = True
            self._open(inf)
        elif passed_s >= _LANE_S:
            self._begin_window()
            if not self._is_warm:
                self._is_warm = True
            elif not self._is_slow:
                self._count_lanes()

    def _count_lanes(self) -> None:
        """Try one more, or go back to one less."""
        if self._settled_at is None and self._rate < _LANE_GAIN * self._one_less_brought:
            self._settled_at = self._busy_s
            self._open(self._lanes - 1)
        elif (
            self._queue
            and self._busy_s >= _SOON_S
            and (self._settled_at is None or self._busy_s >= self._settled_at + _ANEW_S)
        ):
            self._settled_at, self._one_less_brought = None, self._rate
            self._open(self._lanes + 1)

    def _open(self, lanes: float) -> None:
        self._lanes, self._is_warm = lanes, False
        self._begin_window()
        self._changed.notify_all()

    def _begin_window(self) -> None:
        self._window = (self._busy_s, self._bytes_by_one)

    def _judge(self, since: float, had: int) -> None:
        by_one = self._fastest_by_one * (self._busy_s - since)
        if self._bytes - had < _LEAST_GAIN * by_one:  # one fills the line, however slow that is
            self._leave_several()

    def _leave_several(self) -> None:
        self._is_even, self._is_slow = True, False
        self._open(1)

    def _tick(self) -> None:
        now = self._clock()
        if self._under_way:
            self._busy_s += now - self._since
        self._since = now
