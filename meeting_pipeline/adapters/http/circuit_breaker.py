"""A circuit breaker: while a service is down it gets one probe now and then, and no retries."""

import threading
from collections.abc import Callable

from meeting_pipeline.errors import RetryableError

_FAILURES = 5
_PROBE_EVERY_S = 30.0


class Breaker:
    """A circuit breaker that opens after five failures in a row.

    While it is open, one call is let through every 30 s. An answer closes it.

    Args:
        service: The name of the service in messages.
        clock: Returns seconds that only increase.
    """

    def __init__(self, service: str, clock: Callable[[], float]) -> None:
        self._service = service
        self._clock = clock
        self._failures = 0
        self._probe_at = 0.0
        self._guard = threading.Lock()

    def check(self) -> None:
        """Let a call through.

        Raises:
            RetryableError: "service_down": not now; `retry_after_s` tells when.
        """
        with self._guard:
            if self._failures < _FAILURES:
                return
            wait_s = self._probe_at - self._clock()
            if wait_s <= 0:
                self._probe_at = self._clock() + _PROBE_EVERY_S
                return
        raise RetryableError(
            "service_down",
            f"{self._service} has failed {_FAILURES} times in a row and is not asked for a while",
            hint="check its status page and the network; the next run tries again",
            retry_after_s=wait_s,
        )

    def failed(self) -> None:
        """Count a failure: no answer, or one that only says that the service failed."""
        with self._guard:
            self._failures += 1
            if self._failures == _FAILURES:
                self._probe_at = self._clock() + _PROBE_EVERY_S

    def answered(self) -> None:
        """Close it: the service has answered."""
        with self._guard:
            self._failures = 0
