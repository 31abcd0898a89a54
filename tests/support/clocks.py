"""Time that passes only when somebody waits for it."""

import threading


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
