"""How often a service is called: never more often than it allows, so that it never has to say so.

A RateLimit is shared by all threads that call one service, and through its history file by all
processes on this machine, one after the other or at the same time.
"""

import fcntl
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, count
from operator import itemgetter
from pathlib import Path
from typing import Self

from meeting_pipeline.errors import FatalError, RetryableError, Stopped
from meeting_pipeline.files import create

_log = logging.getLogger(__name__)

_MARGIN_S = 0.5  # clocks of two machines do not run at the same speed


_Call = tuple[int, float, int]


@dataclass
class _History:
    """The calls of the last window, and a cool-down that somebody was asked for.

    calls: number, when it may have arrived at the latest (by the machine's clock) and tokens.
    """

    calls: list[_Call] = field(default_factory=list)
    cool_from: float = 0.0
    cool_until: float = 0.0

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Raises ValueError, TypeError, KeyError, OverflowError, RecursionError."""
        said = json.loads(text)
        calls = [(int(number), float(at), int(tokens)) for number, at, tokens in said["calls"]]
        return cls(calls, float(said["cool_from"]), float(said["cool_until"]))

    def as_json(self) -> bytes:
        return json.dumps(vars(self)).encode()


class RateLimit:
    """At most so many calls, and so many tokens, in any span of `window_s` seconds.

    per_minute, tokens_per_minute: None for no limit; then only cool-downs make anybody wait.
    history: a JSON file that carries the last window over to the next process; None for none.
    patience_s: a longer cool-down is not waited for, it is an error that says how long.
    arrival_s: a request has arrived so long after it was sent, or when it is answered: it counts
    from the earlier of the two, so no delay on the way makes the other side see more than we do.
    stop: its being set ends every wait. clock: seconds, the same for all processes on a machine
    (`time.monotonic` is).
    """

    def __init__(
        self,
        per_minute: int | None = None,
        *,
        tokens_per_minute: int | None = None,
        history: Path | None = None,
        stop: threading.Event,
        window_s: float = 60.0,
        arrival_s: float = 5.0,
        patience_s: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_minute = per_minute
        self._tokens = tokens_per_minute
        self._file = history
        self._stop = stop
        self._window_s = window_s + _MARGIN_S
        self._arrival_s = arrival_s
        self._patience_s = patience_s
        self._clock = clock
        self._is_counted = per_minute is not None or tokens_per_minute is not None
        self._kept = _History()
        self._written = b""
        self._version: tuple[int, ...] = ()
        self._guard = threading.Lock()
        self._numbers = count(time.time_ns())

    @contextmanager
    def slot(self, tokens: int = 0) -> Iterator[None]:
        """Wait until one more call is allowed, and count it; call while the block runs.

        tokens: what the call may use at most. Raises Stopped when the run is asked to end,
        RetryableError("cooling_down") when the service asked for a long pause, and
        FatalError("rates_not_written") when the history cannot be kept.
        """
        number = self._enter(tokens)
        try:
            yield
        finally:
            self._leave(number)

    def cool_down(self, seconds: float) -> None:
        """Let nobody call for so long; a longer cool-down that was asked for before stays."""
        with self._shared() as history:
            now = self._clock()
            if now + seconds > _cool_until(history, now):
                history.cool_from, history.cool_until = now, now + seconds

    def _enter(self, tokens: int) -> int:
        while True:
            with self._shared() as history:
                wait_s = self._wait_s(history, tokens)
                if wait_s <= 0:
                    number = next(self._numbers)
                    if self._is_counted:
                        history.calls.append((number, self._clock() + self._arrival_s, tokens))
                    return number
            if self._stop.wait(wait_s):
                raise Stopped("stopped", "the run was asked to end")

    def _leave(self, mine: int) -> None:
        """Count it from now on, where that lets anybody call sooner."""
        if not self._is_close():
            return
        with self._shared() as history:
            now = self._clock()
            history.calls = [
                (number, min(at, now) if number == mine else at, tokens)
                for number, at, tokens in history.calls
            ]

    def _is_close(self) -> bool:
        """Whether as many calls again would come near the limit."""
        calls = self._kept.calls
        tokens = sum(used for _, _, used in calls)
        return (self._per_minute is not None and 2 * len(calls) >= self._per_minute) or (
            self._tokens is not None and 2 * tokens >= self._tokens
        )

    def _wait_s(self, history: _History, tokens: int) -> float:
        """Seconds until the next call is allowed, 0 for now."""
        if self._stop.is_set():
            raise Stopped("stopped", "the run was asked to end")
        now = self._clock()
        cooling_s = _cool_until(history, now) - now
        if cooling_s > self._patience_s:
            raise RetryableError(
                "cooling_down",
                f"the service asked for a pause, {cooling_s:.0f} s of it are left",
                retry_after_s=cooling_s,
            )
        calls = history.calls = sorted(
            (call for call in history.calls if self._counts(call[1], now)), key=itemgetter(1)
        )
        free_at = max(self._room_for_call(calls), self._room_for_tokens(calls, tokens))
        return max(cooling_s, free_at - now)

    def _counts(self, at: float, now: float) -> bool:
        """Whether it is in the window; what lies ahead was written before the machine restarted."""
        return now - self._window_s < at <= now + self._arrival_s

    def _room_for_call(self, calls: Sequence[_Call]) -> float:
        if self._per_minute is None or len(calls) < self._per_minute:
            return 0.0
        return calls[-self._per_minute][1] + self._window_s

    def _room_for_tokens(self, calls: Sequence[_Call], tokens: int) -> float:
        """When enough calls have left the window; a call above the limit waits for all of them."""
        if self._tokens is None:
            return 0.0
        excess = sum(used for _, _, used in calls) + min(tokens, self._tokens) - self._tokens
        if excess <= 0:
            return 0.0
        freed = accumulate(used for _, _, used in calls)
        last_at = next(at for (_, at, _), sum_ in zip(calls, freed, strict=True) if sum_ >= excess)
        return last_at + self._window_s

    @contextmanager
    def _shared(self) -> Iterator[_History]:
        """The history, nobody else's while the block runs, kept afterwards."""
        with self._guard:
            if self._file is None:
                yield self._kept
                return
            try:
                with _locked(self._file):
                    self._read(self._file)
                    yield self._kept
                    self._write(self._file)
            except OSError as error:
                raise FatalError(
                    "rates_not_written",
                    f"cannot keep {self._file}: {error.strerror}",
                    hint="free some space there, or mend the permissions of the data directory",
                ) from error

    def _read(self, path: Path) -> None:
        """Take over what another process has written since we last did."""
        version = _version(path)
        if version == self._version:
            return
        self._kept, self._version, self._written = _load(path), version, b""

    def _write(self, path: Path) -> None:
        content = self._kept.as_json()
        if content != self._written:
            _replace(path, content)
            self._written, self._version = content, _version(path)


def _cool_until(history: _History, now: float) -> float:
    """When the cool-down ends; one from before the machine restarted is over."""
    return history.cool_until if history.cool_from <= now else 0.0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = path.with_name(f"{path.name}.lock")
    try:
        stream = lock.open("ab")
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        stream = lock.open("ab")
    with stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _version(path: Path) -> tuple[int, ...]:
    """Another one after every replacement, () where there is no file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _load(path: Path) -> _History:
    try:
        return _History.from_json(path.read_bytes())
    except FileNotFoundError:
        return _History()
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        _log.warning("%s cannot be read and is begun anew", path)
        return _History()


def _replace(path: Path, content: bytes) -> None:
    """Whole or not at all; not synced, because a machine that restarts takes its minute."""
    part = path.with_name(f"{path.name}.part")
    with create(part) as stream:
        stream.write(content)
    part.rename(path)
