"""How fast one connection is, and whether several would be worth their while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic

FAST_BYTES_PER_S = 20_000_000.0
_WINDOW_S = 0.1
_LEAST_BYTES = 1 << 20  # a smaller rest is not shared out
_LEAST_S = 0.15
_LEAST_GAIN = 1.05
_WARM_UP_FILES = 2  # aria2c has to start, and so have its connections
_TRIAL_FILES = 4


class Pace:
    """Of one body, from the moment it is made. total_bytes: of the file, 0 where nobody knows.

    fast_bytes_per_s: a connection that brings so much is left alone. bytes_per_s: of late.
    """

    bytes_per_s = 0.0

    def __init__(self, total_bytes: int, offset: int, fast_bytes_per_s: float) -> None:
        self._total_bytes = total_bytes
        self._fast_bytes_per_s = fast_bytes_per_s
        self._since, self._from = monotonic(), offset

    def is_slow(self, offset: int) -> bool:
        """Whether the rest would take long at the speed of the last tenth of a second."""
        now, rest = monotonic(), self._total_bytes - offset
        passed_s, came = now - self._since, offset - self._from
        if passed_s < _WINDOW_S:
            return False
        self._since, self._from = now, offset
        self.bytes_per_s = came / passed_s
        long = rest > _LEAST_S * self.bytes_per_s
        return rest > _LEAST_BYTES and self.bytes_per_s < self._fast_bytes_per_s and long


class Line:
    """All that comes from one host, over however many connections; shared by threads.

    Several connections for a file are worth while where more comes in all, not where one file is
    faster because it takes the line away from the others. Only time in which something is under way
    counts. clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._under_way, self._busy_s, self._since = 0, 0.0, 0.0
        self._bytes = self._bytes_by_one = 0
        self._window = (0.0, 0)
        self._fastest_by_one = 0.0
        self._is_slow = self._is_even = False
        self._files, self._trial = 0, (0.0, 0)

    @property
    def wants_several(self) -> bool:
        """Whether several are worth while: one was slow, and they were not as slow."""
        return self._is_slow and not self._is_even

    @property
    def is_even(self) -> bool:
        """Whether they were tried, and no more came: one fills the line, or we are what is slow."""
        return self._is_even

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """A file is under way while the block runs."""
        with self._lock:
            self._tick()
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._tick()
                self._under_way -= 1

    def one_brought(self, size: int) -> None:
        """So many bytes came over the only connection of a file."""
        with self._lock:
            self._tick()
            self._bytes += size
            self._bytes_by_one += size
            since, had = self._window
            passed_s = self._busy_s - since
            if passed_s >= _WINDOW_S:
                rate = (self._bytes_by_one - had) / passed_s
                self._fastest_by_one = max(self._fastest_by_one, rate)
                self._window = (self._busy_s, self._bytes_by_one)

    def one_is_slow(self) -> None:
        """From now on several are tried."""
        with self._lock:
            self._is_slow = True

    def several_brought(self, size: int) -> None:
        """A file is here whose last `size` bytes came over several connections."""
        with self._lock:
            self._tick()
            self._bytes += size
            self._files += 1
            if self._files == _WARM_UP_FILES:
                self._trial = (self._busy_s, self._bytes)
            elif self._files == _WARM_UP_FILES + _TRIAL_FILES:
                self._judge(*self._trial)
                self._files = 0

    def _judge(self, since: float, had: int) -> None:
        by_one = self._fastest_by_one * (self._busy_s - since)
        if self._bytes - had < _LEAST_GAIN * by_one:
            self._is_even = True

    def _tick(self) -> None:
        now = self._clock()
        if self._under_way:
            self._busy_s += now - self._since
        self._since = now
