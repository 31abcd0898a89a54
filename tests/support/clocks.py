"""Time that passes only when a test says so, or when somebody waits for it."""

import threading
from datetime import datetime, timedelta


class FakeTime(threading.Event):
    """A stop event whose waits take no time but move its clock. slept: every wait, in seconds."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        super().__init__()
        self.now = now
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        self.slept.append(timeout or 0.0)
        self.now += timeout or 0.0
        return self.is_set()


class WorldClock:
    """The time by which recordings are made, and what this machine takes it for.

    It moves only when it is told to. wrong_by: how far the machine's clock is ahead of it.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.wrong_by = timedelta()

    def __call__(self) -> float:
        """Return Unix seconds."""
        return self.now.timestamp()

    def on_this_machine(self) -> float:
        """Return what takes the place of `time.time`."""
        return (self.now + self.wrong_by).timestamp()
