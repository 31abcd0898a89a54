"""State of an aria2 download, without the library that is loaded only where aria2c is started."""

from dataclasses import dataclass


class DaemonLost(Exception):
    """aria2c cannot be started, has died, hangs, or does not know our download."""


@dataclass(frozen=True)
class DownloadStatus:
    """The state of a download.

    Attributes:
        state: "active", "waiting", "complete", "error" … as aria2 names it.
        error_code: aria2's exit code, "0" for none.
        completed_bytes: Bytes downloaded so far.
        total_bytes: The size of the file, 0 where it is unknown.
    """

    state: str
    error_code: str
    completed_bytes: int
    total_bytes: int
