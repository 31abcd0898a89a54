"""The calls of the last window, in one file for all processes of a machine.

Its lines are JSON: `[number, at, tokens]` for a call, where the last line of a number holds, and
`[from, until]` for a pause. A call adds one line; now and then the file is rewritten, without
what is over.
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
"""When it may have arrived at the latest, by the machine's clock in seconds, and its tokens."""


class RateHistory:
    """What a `RateLimit` knows of the past. path: None to keep it in this process only.

    calls: by a number of their own. pause: from when until when no call may be made.
    """

    def __init__(self, path: Path | None) -> None:
        self.calls: dict[int, Call] = {}
        self.pause = (0.0, 0.0)
        self._path = path
        self._news: list[bytes] = []
        self._lines = 0
        self._is_whole = True  # else the file is rewritten
        self._version: tuple[int, ...] = ()

    def put(self, number: int, at: float, tokens: int) -> None:
        """A new call, or another time for one."""
        self.calls[number] = at, tokens
        self._news.append(_line(number, at, tokens))

    def set_pause(self, start: float, end: float) -> None:
        """Allow no call from `start` to `end`."""
        self.pause = start, end
        self._news.append(_line(start, end))

    def keep(self, oldest: float, latest: float) -> None:
        """Forget all calls but those after `oldest`.

        What lies behind `latest` is from before the machine restarted and leaves the file, too:
        else it would count when the clock comes there again.
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
        """Lock it against other processes while the block runs, then keep it; raises OSError."""
        if self._path is None:
            yield
            self._news.clear()
            return
        with _locked(self._path):
            self._read(self._path)
            yield
            self._write(self._path)

    def _read(self, path: Path) -> None:
        """Take over what another process has written since we last did."""
        version = _version(path)
        if version == self._version:
            return
        self.calls, self.pause, self._news = {}, (0.0, 0.0), []
        self._lines, self._is_whole, self._version = 0, True, version
        for line in path.read_bytes().splitlines(keepends=True) if version else ():
            self._lines += 1
            self._is_whole = self._take(line) and self._is_whole
        if not self._is_whole:
            _log.warning("%s cannot be read everywhere, the rest of it counts", path)

    def _take(self, line: bytes) -> bool:
        """Whether the line says what a line should; one that was cut off does not."""
        try:
            number, *said = json.loads(line)
            if not line.endswith(b"\n") or not all(map(math.isfinite, (number, *said))):
                return False
            if len(said) == 1:
                self.pause = float(number), float(said[0])
            else:
                at, tokens = said
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
            self._write_anew(path)
        self._news.clear()
        self._version = _version(path)

    def _write_anew(self, path: Path) -> None:
        """Whole or not at all; not synced, because a machine that restarts takes its minute."""
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
    """Another one after every change, () where there is no file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size
