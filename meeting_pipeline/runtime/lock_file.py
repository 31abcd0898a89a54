"""The lock file that allows one run at a time in an installation."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from meeting_pipeline.domain.lock_holder import LockHolder
from meeting_pipeline.errors import Busy, ConfigError

_NAMED_WITHIN_S = 5.0  # a holder writes its name a moment after it has taken the lock
_POLL_S = 0.02


@contextmanager
def run_lock(path: Path, holder: LockHolder) -> Iterator[None]:
    """Hold the lock file while the block runs; the system releases it when the process dies.

    Args:
        path: The lock file.
        holder: This run, as it is named to other runs.

    Raises:
        Busy: Another run holds the lock; the message names it.
        ConfigError: The file cannot be created.
    """
    with os.fdopen(_open(path), "r+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy(wait_for_holder(lambda: _read(stream))) from None
        _write(stream, holder.write())
        try:
            yield
        finally:
            _write(stream, "")


def is_held(path: Path) -> bool:
    """Return whether a running process holds the lock file; a killed one holds it no more."""
    try:
        with path.open(encoding="utf-8") as stream:
            if _read(stream) is None:
                return False
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)  # its pid may have been reused
    except BlockingIOError:
        return True
    except (OSError, UnicodeDecodeError):
        pass
    return False


def busy(holder: LockHolder | None) -> Busy:
    """Return the error for a run that does not get the lock.

    Args:
        holder: The run that holds it, or None if it is not known.
    """
    who = str(holder) if holder else "another run, which has not written its name"
    return Busy("already_running", f"already running: {who}", hint="wait until it has ended")


def wait_for_holder(look: Callable[[], LockHolder | None]) -> LockHolder | None:
    """Return the lock holder as soon as it can be read, or None if it does not write its name.

    Args:
        look: Reads the lock holder, or returns None.
    """
    return Retrying(
        retry=retry_if_result(lambda holder: holder is None),
        wait=wait_fixed(_POLL_S),
        stop=stop_after_delay(_NAMED_WITHIN_S),
        retry_error_callback=lambda state: None,
    )(look)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigError(
            "data_dir",
            f"DATA_DIR {path.parent} cannot be used: {error.strerror}",
            hint="give it to this user, or set DATA_DIR to another folder",
        ) from error


def _read(stream: TextIO) -> LockHolder | None:
    """Return the holder in the file; None for a killed run: the present holder is yet to write."""
    stream.seek(0)
    holder = LockHolder.read(stream.read())
    return holder if holder and holder.may_live else None


def _write(stream: TextIO, text: str) -> None:
    stream.seek(0)
    stream.truncate()
    stream.write(text)
    stream.flush()
