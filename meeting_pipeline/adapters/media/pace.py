"""How fast one connection is, and whether several would be worth their while."""

from time import monotonic

FAST_BYTES_PER_S = 20_000_000.0
_WINDOW_S = 0.1
_LEAST_BYTES = 1 << 20  # a smaller rest is not shared out
_LEAST_S = 0.15


class Pace:
    """Of one body, from the moment it is made. total_bytes: of the file, 0 where nobody knows.

    fast_bytes_per_s: a connection that brings so much is left alone.
    """

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
        long = rest * passed_s > _LEAST_S * came
        return rest > _LEAST_BYTES and came < self._fast_bytes_per_s * passed_s and long
