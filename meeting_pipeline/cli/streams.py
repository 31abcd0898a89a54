"""Standard streams that are there, speak UTF-8, and may be closed by whoever reads them."""

import errno
import io
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

_OUTPUT, _ERRORS = 1, 2


def secure() -> None:
    """Make it so; call it first of all.

    A closed descriptor is opened to nowhere, or the next file we open would take its number and a
    library's complaint would end up in it. What is written for a reader who has gone is dropped, so
    the exit code stays what the command says.
    """
    for descriptor in range(3):
        _fill(descriptor)
    sys.stdin = sys.stdin or io.TextIOWrapper(io.FileIO(0, closefd=False))
    sys.stdout = _patient(_OUTPUT)
    sys.stderr = _patient(_ERRORS)


def flush() -> bool:
    """Whether all that was written has arrived, or had no reader any more."""
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    try:
        sys.stdout.flush()
    except OSError as error:
        _to_nowhere(_OUTPUT)  # or the interpreter tries once more and complains
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


class _Patient(io.FileIO):
    """Drops what nobody reads any more."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EPIPE:
                raise
        _to_nowhere(self.fileno())
        return memoryview(data).nbytes


def _patient(descriptor: int) -> TextIO:
    """A terminal keeps its own encoding; a file, a pipe and the C locale get UTF-8."""
    raw = _Patient(descriptor, "w", closefd=False)
    at_terminal = raw.isatty()
    known = getattr(sys.__stdout__, "encoding", None)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=known if at_terminal and known else "utf-8",
        errors="backslashreplace",
        line_buffering=at_terminal or descriptor == _ERRORS,
    )
