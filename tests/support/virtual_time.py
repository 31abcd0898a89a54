"""Waiting that takes no time: whoever waits moves the clock."""

import threading

from tests.support.sandbox_client import Clock


class VirtualStop(threading.Event):
    """A stop event whose `wait` moves the clock by as much as was to be waited."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.waited_s = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set() and timeout:
            self._clock.forward(timeout)
            self.waited_s += timeout
        return self.is_set()
