"""Rates, sizes and lifetimes, and the sliding window that enforces a rate."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of the servers. The defaults are the documented ones (Kimi: tier 0).

    `window_s` is the length of "a minute", which a test may shorten; `link_ttl_s` is the lifetime
    of a media link.
    """

    per_minute: int = 300
    corp_per_minute: int = 10
    window_s: float = 60.0
    link_ttl_s: float = 21_600.0
    chat_concurrency: int = 1
    chat_per_minute: int = 3
    chat_tokens_per_minute: int = 500_000
    asr_concurrency: int = 8
    asr_per_minute: int = 600
    asr_upload_bytes: int = 25 * 1024 * 1024
    asr_audio_s: float = 3_600.0


ROOMY = Limits(
    per_minute=6_000,
    corp_per_minute=6_000,
    chat_concurrency=8,
    chat_per_minute=6_000,
    chat_tokens_per_minute=100_000_000,
    asr_per_minute=6_000,
)
"""Limits that a demo or a fast test never meets."""


class SlidingWindow:
    """The amount spent in the last `window_s` seconds; refused calls do not count."""

    def __init__(self, limit: int, window_s: float, now: Callable[[], float]) -> None:
        self._limit, self._window_s, self._now = limit, window_s, now
        self._spent: deque[tuple[float, int]] = deque()
        self._lock = threading.Lock()

    def spend(self, amount: int = 1) -> float:
        """Return 0 and count the amount, or the seconds until there is room for it."""
        with self._lock:
            now = self._now()
            while self._spent and self._spent[0][0] <= now - self._window_s:
                self._spent.popleft()
            if not self._spent or sum(spent for _, spent in self._spent) + amount <= self._limit:
                self._spent.append((now, amount))
                return 0.0
            return self._spent[0][0] + self._window_s - now


class Slots:
    """The number of simultaneous calls."""

    def __init__(self, limit: int) -> None:
        self.limit, self._taken, self.most = limit, 0, 0
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take a slot and return True, or return False when all are taken."""
        with self._lock:
            if self._taken >= self.limit:
                return False
            self._taken += 1
            self.most = max(self.most, self._taken)
            return True

    def give_back(self) -> None:
        with self._lock:
            self._taken -= 1
