"""Leave a service alone that is down: one probe now and then instead of everybody's retries."""

import threading
from collections.abc import Callable

from meeting_pipeline.errors import RetryableError

_FAILURES = 5
_PROBE_EVERY_S = 30.0


class Breaker:
    """Opens after five failures in a row; then one call every 30 s may try, and closes it again.

    service: its name for messages. clock: seconds.
    """

    def __init__(self, service: str, clock: Callable[[], float]) -> None:
        self._service = service
        self._clock = clock
        self._failures = 0
        self._probe_at = 0.0
        self._guard = threading.Lock()

    def check(self) -> None:
        """Raises RetryableError("service_down"), saying when a call may be tried again."""
        with self._guard:
            if self._failures < _FAILURES:
                return
            wait_s = self._probe_at - self._clock()
            if wait_s <= 0:
                self._probe_at = self._clock() + _PROBE_EVERY_S
                return
        raise RetryableError(
            "service_down",
            f"{self._service} has failed {_FAILURES} times in a row and is left alone for a while",
            hint="the next run tries again; check the service's status page and the network",
            retry_after_s=wait_s,
        )

    def failed(self) -> None:
        """The service did not answer, or only said that it failed."""
        with self._guard:
            self._failures += 1
            if self._failures == _FAILURES:
                self._probe_at = self._clock() + _PROBE_EVERY_S

    def answered(self) -> None:
        """The service is there."""
        with self._guard:
            self._failures = 0
