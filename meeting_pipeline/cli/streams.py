"""Standard streams that are always open, use UTF-8, and survive a reader that closes the pipe."""

import errno
import io
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

_OUTPUT, _ERRORS = 1, 2


def secure() -> None:
    """Replace the standard streams; call this before anything is written.

    A closed descriptor is opened on /dev/null: the next file we open would get its number, and a
    library that complains on standard error would write into that file. Output for a reader that
    has gone is dropped, so the exit code stays the one of the command.
    """
    for descriptor in range(3):
        _fill(descriptor)
    sys.stdin = sys.stdin or io.TextIOWrapper(io.FileIO(0, closefd=False))
    sys.stdout = _pipe_tolerant(_OUTPUT)
    sys.stderr = _pipe_tolerant(_ERRORS)


def flush() -> bool:
    """Return whether everything that was written has arrived, or had no reader any more."""
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    try:
        sys.stdout.flush()
    except OSError as error:
        _to_nowhere(_OUTPUT)  # or the interpreter tries once more at exit and complains
        with suppress(OSError, ValueError):
            sys.stderr.write(f"meeting: standard output cannot be written: {error.strerror}\n")
            sys.stderr.flush()
        return False
    return True


def _fill(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        _to_nowhere(descriptor)


def _to_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != descriptor:
        os.dup2(nowhere, descriptor, inheritable=True)
        os.close(nowhere)


class _PipeTolerantFile(io.FileIO):
    """A stream that drops what is written once its reader has gone."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EPIPE:
                raise
        _to_nowhere(self.fileno())
        return memoryview(data).nbytes


def _pipe_tolerant(descriptor: int) -> TextIO:
    """Return a text stream in UTF-8, or in the encoding of the terminal."""
    raw = _PipeTolerantFile(descriptor, "w", closefd=False)
    at_terminal = raw.isatty()
    known = getattr(sys.__stdout__, "encoding", None)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=known if at_terminal and known else "utf-8",
        errors="backslashreplace",
        line_buffering=at_terminal or descriptor == _ERRORS,
    )
