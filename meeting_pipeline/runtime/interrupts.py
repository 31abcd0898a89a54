"""The early end of a run or command: by a signal, or by the limit of its run time.

The first signal breaks off the work in progress and lets the run end in good order, the second one
ends the process at once. When the run time is over, no more work begins, and the work in progress
may finish within `DRAIN_S`. A run that has not ended `GRACE_S` after its work was broken off is
killed, which is harmless: a run may die at any instant.
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
    """Why a run ends early.

    Attributes:
        exit_code: The exit code of the process.
        reason: The code for `RunReport.stopped_by`.
    """

    exit_code: int
    reason: str


MAX_RUNTIME = EndReason(exit_codes.BUSY, "max_runtime")
_SIGNALS = {
    signal.SIGINT: EndReason(exit_codes.INTERRUPTED, "interrupted"),
    signal.SIGTERM: EndReason(exit_codes.TERMINATED, "terminated"),
    signal.SIGHUP: EndReason(exit_codes.TERMINATED, "terminated"),
}


class Interrupts:
    """Ends a run early when a signal comes or its time is over, and tells why."""

    def __init__(
        self,
        close_doors: Callable[[], None],
        break_off: Callable[[], None],
        max_runtime_s: float | None = None,
        drain_s: float = DRAIN_S,
        last_words: Callable[[int, str], None] = lambda exit_code, reason: None,
    ) -> None:
        """Create the handler; `handled` installs it.

        The callbacks run on other threads than the main one, so they may take any lock.

        Args:
            close_doors: Prevents the start of more work; it must return soon.
            break_off: Ends the work in progress.
            max_runtime_s: The limit of the run time in seconds, or None.
            drain_s: Seconds that work in progress has after the run time is over.
            last_words: Called with exit code and reason before the process of a run that did not
                end is killed; it has `LAST_WORDS_S` seconds.
        """
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
        """Return 130, 143 or 75 if the run was asked to end, else None."""
        return self._ending.exit_code if self._ending else None

    def reason(self) -> str | None:
        """Return "interrupted", "terminated" or "max_runtime" if it was asked to end, else None."""
        return self._ending.reason if self._ending else None

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle signals and the run time while the block runs; for the main thread only.

        If a signal has begun to break off work, that is finished before this returns.
        """
        if self._max_runtime_s is not None:
            self._later(self._max_runtime_s, self._time_is_up)
        try:
            with handle_signals_on_thread(_SIGNALS, self._handle):
                yield
        finally:
            self._settle()

    def _handle(self, number: signal.Signals) -> None:
        if self._ending in _SIGNALS.values():
            self._end_now()
        with self._lock:
            self._ending = _SIGNALS[number]
        self._close_doors()
        self._end_within_grace()

    def _time_is_up(self) -> None:
        with self._lock:
            self._ending = self._ending or MAX_RUNTIME
        log.warning(
            "the run time is over: no more work begins; work in progress has %.0f s to finish",
            self._drain_s,
        )
        self._close_doors()
        self._later(self._drain_s, self._end_within_grace)

    def _end_within_grace(self) -> None:
        with self._lock:
            if self._breaking is None and not self._is_over:
                self._later(GRACE_S, self._give_up)
                self._breaking = threading.Thread(target=self._broken_off, daemon=True)
                self._breaking.start()

    def _broken_off(self) -> None:
        """Break off the work on a thread of its own, so that a second signal is heard meanwhile."""
        log.warning("the run was asked to end (%s): breaking off work in progress", self.reason())
        self._break_off()

    def _settle(self) -> None:
        """Cancel the timers, and wait until work is broken off if that has begun."""
        with self._lock:
            self._is_over = True
        if self._breaking:
            self._breaking.join()
        for timer in self._timers:
            timer.cancel()

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self._timers.append(_timer(seconds, act))

    def _give_up(self) -> None:
        # on a thread of its own, because it may hang like the run
        speaking = threading.Thread(target=self._speak, daemon=True)
        try:
            speaking.start()
            speaking.join(LAST_WORDS_S)
        finally:
            self._end_now()

    def _speak(self) -> None:
        ending = self._ending
        if ending:
            log.error("the run did not end (%s): ending the process", ending.reason)
            self._last_words(ending.exit_code, ending.reason)

    def _end_now(self) -> None:
        os._exit(self.exit_code() or exit_codes.INTERRUPTED)


class CommandInterrupts:
    """Ends a command early by an exception on the main thread when a signal comes.

    This is for everything outside a run. A library that calls back may lose that exception, and
    closing resources may take long. The process therefore ends `GRACE_S` after the first signal,
    and at once at the second one.
    """

    def __init__(self) -> None:
        self._ending: EndReason | None = None
        self._timer: threading.Timer | None = None

    def exit_code(self, code: int) -> int:
        """Return the exit code of a command: of the signal, unless the command succeeded.

        Args:
            code: The exit code that the command returned.
        """
        return self._ending.exit_code if code and self._ending else code

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle signals while the block runs; for the main thread only."""
        try:
            with handle_signals_on_thread(_SIGNALS, self._handle, _unwind):
                yield
        finally:
            if self._timer:
                self._timer.cancel()

    def _handle(self, number: signal.Signals) -> None:
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
