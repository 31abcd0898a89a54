"""One run at a time in one installation."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from meeting_pipeline.domain.lock_holder import LockHolder
from meeting_pipeline.errors import Busy, ConfigError

_INTRODUCED_WITHIN_S = 5.0  # a holder says who it is a moment after it has the lock
_LOOK_EVERY_S = 0.02


@contextmanager
def run_lock(path: Path, holder: LockHolder) -> Iterator[None]:
    """Hold the lock file while the block runs; the system frees it when the process dies.

    holder: ourselves, for those who come meanwhile. Raises Busy, naming who holds it and since
    when, and ConfigError where the file cannot be made.
    """
    with os.fdopen(_open(path), "r+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy(wait_for_holder(lambda: _written(stream))) from None
        _write(stream, holder.write())
        try:
            yield
        finally:
            _write(stream, "")


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock file; what a killed one has written is no holder."""
    try:
        with path.open(encoding="utf-8") as stream:
            if _written(stream) is None:
                return False
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)  # its number may be another's now
    except BlockingIOError:
        return True
    except (OSError, UnicodeDecodeError):
        pass
    return False


def busy(holder: LockHolder | None) -> Busy:
    """What the refused one is told."""
    who = str(holder) if holder else "another run, which does not say who it is"
    return Busy("already_running", f"already running: {who}", hint="wait until it has ended")


def wait_for_holder(look: Callable[[], LockHolder | None]) -> LockHolder | None:
    """Who holds the lock, as soon as that can be read; None when it does not say."""
    return Retrying(
        retry=retry_if_result(lambda holder: holder is None),
        wait=wait_fixed(_LOOK_EVERY_S),
        stop=stop_after_delay(_INTRODUCED_WITHIN_S),
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


def _written(stream: TextIO) -> LockHolder | None:
    """None also for what a killed run has left: the living one has not written yet."""
    stream.seek(0)
    holder = LockHolder.read(stream.read())
    return holder if holder and holder.may_live else None


def _write(stream: TextIO, text: str) -> None:
    stream.seek(0)
    stream.truncate()
    stream.write(text)
    stream.flush()
