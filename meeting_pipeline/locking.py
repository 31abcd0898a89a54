"""One run at a time in one installation."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

from meeting_pipeline.errors import Busy, ConfigError


@contextmanager
def run_lock(path: Path, command: str, now: datetime) -> Iterator[None]:
    """Hold the lock file while the block runs; the system frees it when the process dies.

    Raises Busy, naming who holds it and since when. now: aware, for the next one to read.
    """
    with os.fdopen(_open(path), "r+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(stream.read()) from None
        _sign(stream, command, now)
        yield


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigError(
            "data_dir",
            f"DATA_DIR {path.parent} cannot be used: {error.strerror}",
            hint="give it to this user, or set DATA_DIR to another folder",
        ) from error


def _sign(stream: TextIO, command: str, now: datetime) -> None:
    holder = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": command,
        "since": now.isoformat(timespec="seconds"),
    }
    stream.seek(0)
    stream.truncate()
    json.dump(holder, stream)
    stream.flush()


def _busy(written: str) -> Busy:
    try:
        holder = json.loads(written)
        who = f"`meeting {holder['command']}` (pid {holder['pid']}), since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        who = "another run that has only just begun"
    return Busy("already_running", f"already running: {who}", hint="wait until it has ended")
