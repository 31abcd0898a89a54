"""The rate limit of a service: it is never called more often than it allows.

A RateLimit is shared by all threads that call one service, and through its history file by all
processes on this machine, one after another or at the same time.
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
_PATIENCE_S = 120.0
"""A longer cool-down is not waited for; it is an error that says how long it is."""


class RateLimit:
    """A limit of calls and of tokens in any span of `window_s` seconds.

    Args:
        per_minute: Calls in a window, or None for no limit.
        tokens_per_minute: Tokens in a window, or None for no limit. Without both, only cool-downs
            make a caller wait.
        history: A file that carries the last window over to other processes, or None.
        records: Whether calls count, here and in later processes. Those of a check are left out:
            its few calls do not wait for each other, and the night has its whole minute.
        stop: Ends every wait with Stopped once it is set.
        window_s: The length of a window.
        arrival_s: The time within which a request arrives. A call counts from then on, or from its
            answer if that is earlier, so that no delay on the way lets the service see more calls
            in a window than it allows.
        clock: Returns seconds, the same for all processes of a machine (`time.monotonic` does).
    """

    def __init__(
        self,
        per_minute: int | None = None,
        *,
        tokens_per_minute: int | None = None,
        history: Path | None = None,
        records: bool = True,
        stop: threading.Event,
        window_s: float = 60.0,
        arrival_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_minute = per_minute
        self._tokens = tokens_per_minute
        self._file = history
        self._history = RateHistory(history, records=records)
        self._stop = stop
        self._window_s = window_s + _MARGIN_S
        self._arrival_s = arrival_s
        self._clock = clock
        is_limited = per_minute is not None or tokens_per_minute is not None
        self._is_counted = records and is_limited
        self._guard = threading.Lock()
        self._numbers = count(time.time_ns())

    @contextmanager
    def slot(self, tokens: int = 0) -> Iterator[None]:
        """Wait until one more call is allowed, and count the call that the block makes.

        Args:
            tokens: The most that the call may use.

        Raises:
            Stopped: The run was asked to end.
            RetryableError: "cooling_down": the service asked for a long pause.
            FatalError: "rates_not_written": the history cannot be written.
        """
        number = self._enter(tokens)
        try:
            yield
        finally:
            self._leave(number)

    def cool_down(self, seconds: float) -> None:
        """Allow no call for this many seconds; a cool-down that ends later stays in force."""
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
        """Count a call from now on, if that allows another one sooner."""
        if not self._is_close():
            return
        with self._shared() as history:
            at, tokens = history.calls.get(mine, (0.0, 0))
            now = self._clock()
            if at > now:
                history.put(mine, now, tokens)

    def _is_close(self) -> bool:
        """Return whether as many calls once more would come near the limit."""
        with self._guard:
            calls = list(self._history.calls.values())
        tokens = sum(used for _, used in calls)
        return (self._per_minute is not None and 2 * len(calls) >= self._per_minute) or (
            self._tokens is not None and 2 * tokens >= self._tokens
        )

    def _wait_s(self, history: RateHistory, tokens: int) -> float:
        """Return the seconds until the next call is allowed."""
        if self._stop.is_set():
            raise Stopped("stopped", "the run was asked to end")
        now = self._clock()
        cooling_s = self._cooling_s(now)
        if cooling_s > _PATIENCE_S:
            raise RetryableError(
                "cooling_down",
                f"the service asked for a pause, of which {cooling_s:.0f} s are left",
                retry_after_s=cooling_s,
            )
        history.keep(now - self._window_s, now + self._arrival_s)
        calls = sorted(history.calls.values())
        free_at = max(self._room_for_call(calls), self._room_for_tokens(calls, tokens))
        return max(cooling_s, free_at - now)

    def _cooling_s(self, now: float) -> float:
        """Return the seconds left of a pause; one from before a restart of the machine is over."""
        start, end = self._history.pause
        return end - now if start <= now else 0.0

    def _room_for_call(self, calls: Sequence[Call]) -> float:
        if self._per_minute is None or len(calls) < self._per_minute:
            return 0.0
        return calls[-self._per_minute][0] + self._window_s

    def _room_for_tokens(self, calls: Sequence[Call], tokens: int) -> float:
        """Return when enough tokens are free; a call above the limit waits for an empty window."""
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
        """Lock the history while the block runs, and write it afterwards."""
        try:
            with self._guard, self._history.held():
                yield self._history
        except OSError as error:
            raise FatalError(
                "rates_not_written",
                f"{self._file} cannot be written: {error.strerror}",
                hint="free space on its disk, or correct the permissions of DATA_DIR",
            ) from error
