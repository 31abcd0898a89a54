"""How aria2 stands; its library is loaded where aria2c is really started."""

from dataclasses import dataclass


class DaemonLost(Exception):
    """aria2c cannot be started, died, hangs, or knows nothing of our download."""


@dataclass(frozen=True)
class Status:
    """How a download stands. error_code: aria2's own, "0" for none."""

    state: str
    error_code: str
    completed_bytes: int
    total_bytes: int
