"""How fast one connection is, and whether several would be worth their while."""

from collections import Counter
from time import monotonic

FAST_BYTES_PER_S = 20_000_000.0
_WINDOW_S = 0.1
_LEAST_BYTES = 1 << 20  # a smaller rest is not shared out
_LEAST_S = 0.15
_LEAST_GAIN = 1.05
_VAIN_FILES = 4  # in a row: aria2c has to start, and so have its connections


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


class Gains:
    """Of which hosts several connections bring more than one does; shared by threads.

    Where they do not, one connection fills the line already, or we are what is slow.
    """

    def __init__(self) -> None:
        self._by_one: dict[str, float] = {}
        self._in_vain: Counter[str] = Counter()

    def expects(self, host: str) -> bool:
        """Whether several connections are worth while: one was slow, and they were not as slow."""
        return host in self._by_one and not self.is_even(host)

    def is_even(self, host: str) -> bool:
        """Whether they were tried with some files and brought no more than one."""
        return self._in_vain[host] >= _VAIN_FILES

    def one_brings(self, host: str, bytes_per_s: float) -> None:
        """Remember a connection that was slow."""
        self._by_one[host] = max(bytes_per_s, self._by_one.get(host, 0.0))

    def several_bring(self, host: str, bytes_per_s: float) -> None:
        """Remember what a file came with that had several."""
        is_gain = bytes_per_s >= _LEAST_GAIN * self._by_one.get(host, 0.0)
        self._in_vain[host] = 0 if is_gain else self._in_vain[host] + 1
