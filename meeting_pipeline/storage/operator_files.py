"""Files at paths that an operator chose, where files of other programs may be.

A file is written under a random name beside its target and gets its name when it is whole. What is
at the target is replaced only if `check` accepts it, which is asked again just before.
"""

import fcntl
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from meeting_pipeline.storage.files import publish

Check = Callable[[], None]
"""Raises an error if what is at the target must not be replaced."""

_PART = re.compile(r"\.meeting-[0-9a-f]{32}\.part")
_BESIDE = ("-journal", "-wal", "-shm")  # what SQLite puts beside a database
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def replacing(target: Path, check: Check) -> Iterator[tuple[Path, BinaryIO]]:
    """Write a file for its owner only, and give it the name of `target` at the end of the block.

    Two processes may write to one target at the same time: each writes a whole file, and the last
    one wins. Nothing is left if the block fails; what a killed process left in the same folder is
    removed by the next one.

    Args:
        target: The file to create or replace; its folder exists.
        check: Asked at the start and at the end.

    Yields:
        The path of the part file, and the part file, open for writing.

    Raises:
        OSError: The file cannot be written.
    """
    check()
    _remove_leftovers(target.parent)
    part = target.parent / f".meeting-{secrets.token_hex(16)}.part"
    try:
        with os.fdopen(os.open(part, _NEW, 0o600), "wb") as stream:
            with suppress(OSError):  # a network disk without locks; leftovers stay there
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield part, stream
            stream.flush()
            check()
            publish(part, target)
    except BaseException:  # a partial file holds private data where no one looks for it
        with suppress(OSError):
            _remove(part)
        raise


@contextmanager
def opened_regular(path: Path) -> Iterator[BinaryIO | None]:
    """Open a file for reading without following a link or waiting for another process.

    Args:
        path: The file.

    Yields:
        The open file, or None for anything but a regular file.

    Raises:
        OSError: It does not exist or cannot be read.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        yield None
        return
    with os.fdopen(os.open(path, _LOOK), "rb") as stream:
        yield stream if stat.S_ISREG(os.fstat(stream.fileno()).st_mode) else None


def _remove_leftovers(folder: Path) -> None:
    """Remove the part files of killed processes; one that is being written is locked."""
    with suppress(OSError):  # a folder that cannot be listed; such files do no harm
        for entry in os.scandir(folder):
            if _PART.fullmatch(entry.name) and _is_leftover(entry):
                _remove(Path(entry.path))


def _is_leftover(entry: os.DirEntry[str]) -> bool:
    try:
        with opened_regular(Path(entry.path)) as stream:
            if stream is None or os.fstat(stream.fileno()).st_uid != os.geteuid():
                return False
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except OSError:
        return False


def _remove(part: Path) -> None:
    for path in (part, *(part.with_name(part.name + end) for end in _BESIDE)):
        path.unlink(missing_ok=True)
