"""Ctrl-C and SIGTERM: the first asks the run to end in good order, the second ends it at once.

A run may die at any instant without harm, so one that does not end within its grace is ended.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from meeting_pipeline import exit_codes

GRACE_S = 8.0

_EXIT_CODES = {
    signal.SIGINT: exit_codes.INTERRUPTED,
    signal.SIGTERM: exit_codes.TERMINATED,
    signal.SIGHUP: exit_codes.TERMINATED,
}


class Interrupts:
    """Remembers the first signal; on_first: told at once, on the main thread."""

    def __init__(self, on_first: Callable[[], None]) -> None:
        self._on_first = on_first
        self._exit_code: int | None = None

    def exit_code(self) -> int | None:
        """130 or 143 once a signal came, else None."""
        return self._exit_code

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals while the block runs (main thread only)."""
        before = {number: signal.signal(number, self._handle) for number in _EXIT_CODES}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        exit_code = _EXIT_CODES[signal.Signals(number)]
        if self._exit_code is not None:
            self._end_now()
        self._exit_code = exit_code
        deadline = threading.Timer(GRACE_S, self._end_now)
        deadline.daemon = True
        deadline.start()
        self._on_first()

    def _end_now(self) -> None:
        os._exit(self._exit_code or exit_codes.INTERRUPTED)
