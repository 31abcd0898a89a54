"""How often a service is called: never more often than it allows, so that it never has to say so.

A RateLimit is shared by all threads that call one service, and through its history file by all
processes on this machine, one after the other or at the same time.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, count
from pathlib import Path

from meeting_pipeline.adapters.http.rate_history import Call, RateHistory
from meeting_pipeline.errors import FatalError, RetryableError, Stopped

_MARGIN_S = 0.5  # clocks of two machines do not run at the same speed


class RateLimit:
    """At most that many calls, and that many tokens, in any span of `window_s` seconds.

    per_minute, tokens_per_minute: None for no limit; then only cool-downs make anybody wait.
    history: a file that carries the last window over to the next process; None for none.
    patience_s: a longer cool-down is not waited for, it is an error that says how long.
    arrival_s: a request has arrived so long after it was sent, or when it is answered: it counts
    from the earlier of the two, so no delay on the way makes the other side see more than we do.
    stop: its being set ends every wait. clock: seconds, the same for all processes on a machine
    (`time.monotonic` is).
    """

    def __init__(
        self,
        per_minute: int | None = None,
        *,
        tokens_per_minute: int | None = None,
        history: Path | None = None,
        stop: threading.Event,
        window_s: float = 60.0,
        arrival_s: float = 5.0,
        patience_s: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_minute = per_minute
        self._tokens = tokens_per_minute
        self._file = history
        self._history = RateHistory(history)
        self._stop = stop
        self._window_s = window_s + _MARGIN_S
        self._arrival_s = arrival_s
        self._patience_s = patience_s
        self._clock = clock
        self._is_counted = per_minute is not None or tokens_per_minute is not None
        self._guard = threading.Lock()
        self._numbers = count(time.time_ns())

    @contextmanager
    def slot(self, tokens: int = 0) -> Iterator[None]:
        """Wait until one more call is allowed, and count it; call while the block runs.

        tokens: what the call may use at most. Raises Stopped when the run is asked to end,
        RetryableError("cooling_down") when the service asked for a long pause, and
        FatalError("rates_not_written") when the history cannot be kept.
        """
        number = self._enter(tokens)
        try:
            yield
        finally:
            self._leave(number)

    def cool_down(self, seconds: float) -> None:
        """Allow no call for so long; a longer cool-down that was asked for before stays."""
        with self._shared() as history:
            now = self._clock()
            if seconds > self._cooling_s(now):
                history.set_pause(now, now + seconds)

    def _enter(self, tokens: int) -> int:
        while True:
            with self._shared() as history:
                wait_s = self._wait_s(history, tokens)
                if wait_s <= 0:
                    number = next(self._numbers)
                    if self._is_counted:
                        history.put(number, self._clock() + self._arrival_s, tokens)
                    return number
            if self._stop.wait(wait_s):
                raise Stopped("stopped", "the run was asked to end")

    def _leave(self, mine: int) -> None:
        """Count it from now on, where that lets anybody call sooner."""
        if not self._is_close():
            return
        with self._shared() as history:
            at, tokens = history.calls.get(mine, (0.0, 0))
            now = self._clock()
            if at > now:
                history.put(mine, now, tokens)

    def _is_close(self) -> bool:
        """Whether as many calls again would come near the limit."""
        with self._guard:
            calls = list(self._history.calls.values())
        tokens = sum(used for _, used in calls)
        return (self._per_minute is not None and 2 * len(calls) >= self._per_minute) or (
            self._tokens is not None and 2 * tokens >= self._tokens
        )

    def _wait_s(self, history: RateHistory, tokens: int) -> float:
        """Seconds until the next call is allowed, 0 for now."""
        if self._stop.is_set():
            raise Stopped("stopped", "the run was asked to end")
        now = self._clock()
        cooling_s = self._cooling_s(now)
        if cooling_s > self._patience_s:
            raise RetryableError(
                "cooling_down",
                f"the service asked for a pause, {cooling_s:.0f} s of it are left",
                retry_after_s=cooling_s,
            )
        history.keep(now - self._window_s, now + self._arrival_s)
        calls = sorted(history.calls.values())
        free_at = max(self._room_for_call(calls), self._room_for_tokens(calls, tokens))
        return max(cooling_s, free_at - now)

    def _cooling_s(self, now: float) -> float:
        """Seconds that are left of a pause; one from before the machine restarted is over."""
        start, end = self._history.pause
        return end - now if start <= now else 0.0

    def _room_for_call(self, calls: Sequence[Call]) -> float:
        if self._per_minute is None or len(calls) < self._per_minute:
            return 0.0
        return calls[-self._per_minute][0] + self._window_s

    def _room_for_tokens(self, calls: Sequence[Call], tokens: int) -> float:
        """When enough calls have left the window; a call above the limit waits for all of them."""
        if self._tokens is None:
            return 0.0
        excess = sum(used for _, used in calls) + min(tokens, self._tokens) - self._tokens
        if excess <= 0:
            return 0.0
        freed = accumulate(used for _, used in calls)
        last_at = next(at for (at, _), sum_ in zip(calls, freed, strict=True) if sum_ >= excess)
        return last_at + self._window_s

    @contextmanager
    def _shared(self) -> Iterator[RateHistory]:
        """The history, locked against other processes while the block runs, kept afterwards."""
        try:
            with self._guard, self._history.held():
                yield self._history
        except OSError as error:
            raise FatalError(
                "rates_not_written",
                f"cannot keep {self._file}: {error.strerror}",
                hint="free some space there, or fix the permissions of the data directory",
            ) from error
