"""Who is at work, for those who are refused meanwhile."""

import json
import os
import socket
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Self


@dataclass(frozen=True)
class LockHolder:
    """A run at work. since: ISO 8601 with an offset."""

    command: str
    pid: int
    host: str
    since: str

    @classmethod
    def here(cls, command: str, now: datetime) -> Self:
        """This process. now: aware."""
        since = now.isoformat(timespec="seconds")
        return cls(command, os.getpid(), socket.gethostname(), since)

    @classmethod
    def read(cls, text: str) -> Self | None:
        """What `write` wrote; None for anything else."""
        try:
            said = json.loads(text)
            return cls(
                str(said["command"]), int(said["pid"]), str(said["host"]), str(said["since"])
            )
        except (ValueError, KeyError, TypeError):
            return None

    def write(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    def __str__(self) -> str:
        return f"`meeting {self.command}` (pid {self.pid} on {self.host}), since {self.since}"

    @property
    def may_live(self) -> bool:
        """Whether its process is there; of another host we cannot know."""
        if self.host != socket.gethostname():
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
