"""What ends a run before its work is done: a signal or the end of its time.

A first signal breaks off what runs and lets the run end in good order, a second one ends it at
once. When the time is up, no further work begins, and what runs may end within `DRAIN_S`. A run may
die at any instant without harm, so one that has not ended `GRACE_S` after it was broken off is
ended.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import NoReturn

from meeting_pipeline import exit_codes
from meeting_pipeline.runtime.signal_thread import handle_signals_on_thread

log = logging.getLogger(__name__)

DRAIN_S = 60.0
GRACE_S = 8.0
LAST_WORDS_S = 1.5


@dataclass(frozen=True)
class EndReason:
    """Why a run ends early. reason: for `stopped_by`."""

    exit_code: int
    reason: str


MAX_RUNTIME = EndReason(exit_codes.BUSY, "max_runtime")
_SIGNALS = {
    signal.SIGINT: EndReason(exit_codes.INTERRUPTED, "interrupted"),
    signal.SIGTERM: EndReason(exit_codes.TERMINATED, "terminated"),
    signal.SIGHUP: EndReason(exit_codes.TERMINATED, "terminated"),
}


class Interrupts:
    """Remembers the first of what ended the run.

    close_doors: no further work begins; it must not wait for long. break_off: what runs ends at
    once. Both are called on other threads than the main one, so they may take any lock.
    max_runtime_s: None for no limit. last_words: told exit code and reason before a run that has
    not ended is ended; waited for `LAST_WORDS_S`.
    """

    def __init__(
        self,
        close_doors: Callable[[], None],
        break_off: Callable[[], None],
        max_runtime_s: float | None = None,
        drain_s: float = DRAIN_S,
        last_words: Callable[[int, str], None] = lambda exit_code, reason: None,
    ) -> None:
        self._close_doors = close_doors
        self._break_off = break_off
        self._max_runtime_s = max_runtime_s
        self._drain_s = drain_s
        self._last_words = last_words
        self._lock = threading.Lock()
        self._ending: EndReason | None = None
        self._timers: list[threading.Timer] = []
        self._breaking: threading.Thread | None = None
        self._is_over = False

    def exit_code(self) -> int | None:
        """130, 143 or 75 once something asked the run to end, else None."""
        return self._ending.exit_code if self._ending else None

    def reason(self) -> str | None:
        """ "interrupted", "terminated" or "max_runtime", else None."""
        return self._ending.reason if self._ending else None

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Heed signals and time while the block runs (main thread only).

        What a signal began to break off is broken off when the block has ended.
        """
        if self._max_runtime_s is not None:
            self._later(self._max_runtime_s, self._time_is_up)
        try:
            with handle_signals_on_thread(_SIGNALS, self._hear):
                yield
        finally:
            self._settle()

    def _hear(self, number: signal.Signals) -> None:
        if self._ending in _SIGNALS.values():
            self._end_now()
        with self._lock:
            self._ending = _SIGNALS[number]
        self._close_doors()
        self._end_within_grace()

    def _time_is_up(self) -> None:
        with self._lock:
            self._ending = self._ending or MAX_RUNTIME
        log.warning("the run's time is up: nothing begins; what runs has %.0f s", self._drain_s)
        self._close_doors()
        self._later(self._drain_s, self._end_within_grace)

    def _end_within_grace(self) -> None:
        with self._lock:
            if self._breaking is None and not self._is_over:
                self._later(GRACE_S, self._give_up)
                self._breaking = threading.Thread(target=self._broken_off, daemon=True)
                self._breaking.start()

    def _broken_off(self) -> None:
        """Break off on a thread of its own: it may take time, and a second signal is heard then."""
        log.warning("the run was asked to end (%s): what runs is broken off", self.reason())
        self._break_off()

    def _settle(self) -> None:
        """Begin nothing more, and let what is being broken off come to its end."""
        with self._lock:
            self._is_over = True
        if self._breaking:
            self._breaking.join()
        for timer in self._timers:
            timer.cancel()

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self._timers.append(_timer(seconds, act))

    def _give_up(self) -> None:
        # a thread of its own: it may hang as the run does
        speaking = threading.Thread(target=self._speak, daemon=True)
        try:
            speaking.start()
            speaking.join(LAST_WORDS_S)
        finally:
            self._end_now()

    def _speak(self) -> None:
        ending = self._ending
        if ending:
            log.error("the run has not ended (%s): the process ends without it", ending.reason)
            self._last_words(ending.exit_code, ending.reason)

    def _end_now(self) -> None:
        os._exit(self.exit_code() or exit_codes.INTERRUPTED)


class CommandInterrupts:
    """What ends a command outside a run: an exception on the main thread.

    A library that calls back may lose that exception, and what is unwound may take its time. So the
    process is ended `GRACE_S` after the first signal, and at once by a second one.
    """

    def __init__(self) -> None:
        self._ending: EndReason | None = None
        self._timer: threading.Timer | None = None

    def exit_code(self, code: int) -> int:
        """Return the exit code of a command that returned `code`, as far as it was asked to end."""
        return self._ending.exit_code if code and self._ending else code

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Heed signals while the block runs (main thread only)."""
        try:
            with handle_signals_on_thread(_SIGNALS, self._hear, _unwind):
                yield
        finally:
            if self._timer:
                self._timer.cancel()

    def _hear(self, number: signal.Signals) -> None:
        if self._ending:
            os._exit(self._ending.exit_code)
        self._ending = _SIGNALS[number]
        self._timer = _timer(GRACE_S, partial(os._exit, self._ending.exit_code))


def _unwind(number: int, _frame: FrameType | None) -> NoReturn:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(_SIGNALS[signal.Signals(number)].exit_code)


def _timer(seconds: float, act: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    return timer
