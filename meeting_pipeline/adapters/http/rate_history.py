"""The calls of the last window, in one file for all processes of a machine.

Its lines are JSON: `[number, at, tokens]` for a call, where the last line of a number counts, and
`[from, until]` for a pause. A call adds one line; now and then the file is rewritten without calls
that have left the window.
"""

import errno
import fcntl
import json
import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meeting_pipeline.storage.files import create

_log = logging.getLogger(__name__)

_SPARE_LINES = 200  # before the file is rewritten

Call = tuple[float, int]
"""The latest time at which it may have arrived, in seconds of the clock, and its tokens."""


class RateHistory:
    """The calls of the last window and the last pause, as far as a `RateLimit` needs them.

    Args:
        path: The file, or None to keep them in this process only.
        records: Whether the calls of this process are written to the file, for later processes.

    Attributes:
        calls: The calls by their numbers.
        pause: From when until when no call is allowed, in seconds of the clock.
    """

    def __init__(self, path: Path | None, *, records: bool = True) -> None:
        self.calls: dict[int, Call] = {}
        self.pause = (0.0, 0.0)
        self._path = path
        self._records = records
        self._news: list[bytes] = []
        self._lines = 0
        self._is_whole = True  # else the file is rewritten
        self._version: tuple[int, ...] = ()

    def put(self, number: int, at: float, tokens: int) -> None:
        """Add a call, or change the time of one.

        Args:
            number: Its number.
            at: The latest time at which it may have arrived.
            tokens: The tokens that it may use.
        """
        self.calls[number] = at, tokens
        self._news.append(_line(number, at, tokens))

    def set_pause(self, start: float, end: float) -> None:
        """Allow no call from `start` to `end`."""
        self.pause = start, end
        self._news.append(_line(start, end))

    def keep(self, oldest: float, latest: float) -> None:
        """Forget all calls but those between two times.

        A time after `latest` is from before the machine restarted. It leaves the file, too, because
        it would count once more when the clock gets there.

        Args:
            oldest: Calls at this time and before it have left the window.
            latest: No call can have been made after this time.
        """
        over = [number for number, (at, _) in self.calls.items() if not oldest < at <= latest]
        if self.pause[0] > latest or any(self.calls[number][0] > latest for number in over):
            self._is_whole = False
        if self.pause[0] > latest:
            self.pause = (0.0, 0.0)
        for number in over:
            del self.calls[number]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the history for other processes while the block runs, and write it afterwards.

        Raises:
            OSError: The file cannot be read or written.
        """
        if self._path is None or not self._records:
            if self._path is not None:
                self._read(self._path)  # each line is whole, so no lock is needed
            yield
            self._news.clear()
            return
        with _locked(self._path):
            self._read(self._path)
            yield
            self._write(self._path)

    def _read(self, path: Path) -> None:
        """Read what other processes have written since the last time."""
        version = _version(path)
        if version == self._version:
            return
        self.calls, self.pause, self._news = {}, (0.0, 0.0), []
        self._lines, self._is_whole, self._version = 0, True, version
        for line in path.read_bytes().splitlines(keepends=True) if version else ():
            self._lines += 1
            self._is_whole = self._read_line(line) and self._is_whole
        if not self._is_whole:
            _log.warning("%s is damaged; the lines that can be read are used", path)

    def _read_line(self, line: bytes) -> bool:
        """Read one line, and return whether it is whole and makes sense."""
        try:
            number, *values = json.loads(line)
            if not line.endswith(b"\n") or not all(map(math.isfinite, (number, *values))):
                return False
            if len(values) == 1:
                self.pause = float(number), float(values[0])
            else:
                at, tokens = values
                self.calls[int(number)] = float(at), int(tokens)
        except (ValueError, TypeError, OverflowError, RecursionError):
            return False
        return True

    def _write(self, path: Path) -> None:
        if not self._news:
            return
        if self._is_whole and self._lines < 2 * len(self.calls) + _SPARE_LINES:
            _append(path, b"".join(self._news))
            self._lines += len(self._news)
        else:
            self._rewrite(path)
        self._news.clear()
        self._version = _version(path)

    def _rewrite(self, path: Path) -> None:
        """Rewrite the whole file; it is not synced, as a restart takes longer than a window."""
        part = path.with_name(f"{path.name}.part")
        lines = [_line(*self.pause), *(_line(number, *call) for number, call in self.calls.items())]
        with create(part) as stream:
            stream.writelines(lines)
        part.rename(path)
        self._lines, self._is_whole = len(lines), True


def _line(*numbers: float) -> bytes:
    return f"{json.dumps(numbers)}\n".encode()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with _opened(path.with_name(f"{path.name}.lock"), os.O_RDWR) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def _append(path: Path, lines: bytes) -> None:
    with _opened(path, os.O_WRONLY | os.O_APPEND) as descriptor:
        written = os.write(descriptor, lines)
    if written < len(lines):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


@contextmanager
def _opened(path: Path, how: int) -> Iterator[int]:
    flags = how | os.O_CREAT | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _version(path: Path) -> tuple[int, ...]:
    """Return what differs after every change of the file, or () if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size
