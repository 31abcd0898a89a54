"""The holder of the run lock, as it is named to a run that is refused."""

import json
import os
import socket
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Self


@dataclass(frozen=True)
class LockHolder:
    """A run that holds the run lock.

    Attributes:
        command: The subcommand of `meeting` that was started.
        pid: The process id on its host.
        host: The name of its host.
        since: When it started, ISO 8601 with an offset.
    """

    command: str
    pid: int
    host: str
    since: str

    @classmethod
    def here(cls, command: str, now: datetime) -> Self:
        """Return this process as a lock holder.

        Args:
            command: The subcommand of `meeting` that was started.
            now: The current time, aware.
        """
        since = now.isoformat(timespec="seconds")
        return cls(command, os.getpid(), socket.gethostname(), since)

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the lock holder that `write` wrote, or None if the text is something else."""
        try:
            fields = json.loads(text)
            return cls(
                str(fields["command"]),
                int(fields["pid"]),
                str(fields["host"]),
                str(fields["since"]),
            )
        except (ValueError, KeyError, TypeError):
            return None

    def write(self) -> str:
        """Return the lock holder as one line of JSON."""
        return json.dumps(asdict(self))

    def __str__(self) -> str:
        return f"`meeting {self.command}` (pid {self.pid} on {self.host}), since {self.since}"

    @property
    def may_live(self) -> bool:
        """Return whether its process may be running; a process on another host always may."""
        if self.host != socket.gethostname():
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
