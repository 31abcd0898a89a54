"""What ends a run before its work is done: a signal, the end of its time, the loss of its lock.

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
from types import FrameType

from meeting_pipeline import exit_codes

log = logging.getLogger(__name__)

DRAIN_S = 60.0
GRACE_S = 8.0
LAST_WORDS_S = 1.5


@dataclass(frozen=True)
class Ending:
    """Why a run ends early. reason: for `stopped_by`."""

    exit_code: int
    reason: str


MAX_RUNTIME = Ending(exit_codes.BUSY, "max_runtime")
LOCK_LOST = Ending(exit_codes.STOPPED_EARLY, "lock_lost")
_SIGNALS = {
    signal.SIGINT: Ending(exit_codes.INTERRUPTED, "interrupted"),
    signal.SIGTERM: Ending(exit_codes.TERMINATED, "terminated"),
    signal.SIGHUP: Ending(exit_codes.TERMINATED, "terminated"),
}


class Interrupts:
    """Remembers the first of what ended the run.

    close_doors: no further work begins. break_off: what runs ends at once. Both are called on the
    main thread by a signal, else on another one. max_runtime_s: None for no limit. last_words: told
    exit code and reason before a run that has not ended is ended; waited for `LAST_WORDS_S`.
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
        self._ending: Ending | None = None
        self._timers: list[threading.Timer] = []

    def exit_code(self) -> int | None:
        """130, 143, 75 or 5 once something asked the run to end, else None."""
        return self._ending.exit_code if self._ending else None

    def reason(self) -> str | None:
        """ "interrupted", "terminated", "max_runtime" or "lock_lost", else None."""
        return self._ending.reason if self._ending else None

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Heed signals and time while the block runs (main thread only).

        A signal that is ignored already stays so: `nohup` means it.
        """
        heeded = [one for one in _SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self._handle) for number in heeded}
        if self._max_runtime_s is not None:
            self._later(self._max_runtime_s, self._time_is_up)
        try:
            yield
        finally:
            for timer in self._timers:
                timer.cancel()
            for number, handler in before.items():
                signal.signal(number, handler)

    def end(self, ending: Ending) -> None:
        """End the run as a first signal does."""
        self._ending = self._ending or ending
        self._close_doors()
        self._end_within_grace()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        ending = _SIGNALS[signal.Signals(number)]
        if self._ending in _SIGNALS.values():
            self._end_now()
        self._ending = ending
        self._close_doors()
        self._end_within_grace()

    def _time_is_up(self) -> None:
        self._ending = self._ending or MAX_RUNTIME
        log.warning("the run's time is up: nothing begins; what runs has %.0f s", self._drain_s)
        self._close_doors()
        self._later(self._drain_s, self._end_within_grace)

    def _end_within_grace(self) -> None:
        log.warning("the run was asked to end (%s): what runs is broken off", self.reason())
        self._later(GRACE_S, self._give_up)
        self._break_off()

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, act)
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def _give_up(self) -> None:
        speaking = threading.Thread(
            target=self._speak, daemon=True
        )  # which may hang as the run does
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
