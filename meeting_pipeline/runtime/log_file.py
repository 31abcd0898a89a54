"""A log file that several processes write, that rotates itself, and that others may rotate, too.

Every line is one write at the end of whatever stands under the name now: a file that was renamed or
removed is opened anew, one that was cut short by somebody (`copytruncate`) is gone on with. Nothing
that goes wrong here ever reaches the run.
"""

import fcntl
import logging
import os
from contextlib import suppress
from pathlib import Path


class SharedLogFile(logging.Handler):
    """Rotates at `largest_bytes` to NAME.1 … NAME.`kept`, once, however many processes see it."""

    def __init__(self, path: Path, largest_bytes: int, kept: int) -> None:
        super().__init__()
        self._path = path.absolute()
        self._largest_bytes = largest_bytes
        self._kept = kept
        self._descriptor = self._open()
        self._cut = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record).encode("utf-8", "backslashreplace") + b"\n"
            if not self._is_current():
                self._reopen()
            self._write(line)
            if os.fstat(self._descriptor).st_size >= self._largest_bytes:
                self._rotate()
        except OSError:  # full, read-only, gone: no run fails for its log
            return

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._descriptor)
        super().close()

    def _write(self, line: bytes) -> None:
        """One write for a line; a line that a full disk has cut is ended before the next one."""
        whole = b"\n" + line if self._cut else line
        written = os.write(self._descriptor, whole)
        self._cut = written < len(whole)

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        try:
            return os.open(self._path, flags, 0o600)
        except FileNotFoundError:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(self._path, flags, 0o600)

    def _reopen(self) -> None:
        fresh = self._open()
        os.close(self._descriptor)
        self._descriptor, self._cut = fresh, False

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._descriptor))
        except OSError:
            return False

    def _rotate(self) -> None:
        """Whoever holds the lock of the full file moves it, unless somebody has just done so."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        if self._is_current():
            for number in range(self._kept - 1, 0, -1):
                with suppress(FileNotFoundError):
                    self._numbered(number).replace(self._numbered(number + 1))
            self._path.replace(self._numbered(1))
        self._reopen()  # which gives the lock back

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
