"""Signals heard by a thread, so that nothing is done inside a signal handler.

Python runs a handler on the main thread between any two of its instructions, so a handler may find
a lock held by the very code that it interrupted, and wait for ever: `Event.set()` while the main
thread begins `Event.wait()` is enough. A thread waits like any other until the lock is free. It
also hears a signal at once while the main thread is busy inside a C library.
"""

import os
import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread
from types import FrameType

Handler = Callable[[int, FrameType | None], object]


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """Have the system's handler installed, which writes to the wake-up descriptor."""


@contextmanager
def handle_signals_on_thread(
    numbers: Collection[signal.Signals],
    hear: Callable[[signal.Signals], None],
    handler: Handler = _do_nothing,
) -> Iterator[None]:
    """Call `hear` on a thread of its own for each signal that comes while the block runs.

    Handlers and the wake-up descriptor are afterwards what they were before, so blocks may be
    nested: the inner one hears. A signal that is ignored already stays so: `nohup` means it.

    Args:
        numbers: The signals to hear.
        hear: Called for one signal after the other, so it must not wait for long.
        handler: What Python also runs on the main thread, as soon as that is possible.

    Raises:
        ValueError: The caller is not the main thread.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    thread = Thread(target=_listen, args=(reader, numbers, hear), name="signals", daemon=True)
    with ExitStack() as undo:
        undo.callback(_let_end, thread, writer)
        thread.start()
        before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        undo.callback(signal.set_wakeup_fd, before, warn_on_full_buffer=False)
        for number in numbers:
            if signal.getsignal(number) is not signal.SIG_IGN:
                undo.callback(signal.signal, number, signal.signal(number, handler))
        yield


def _listen(
    reader: int, numbers: Collection[signal.Signals], hear: Callable[[signal.Signals], None]
) -> None:
    """Hear until the other end is closed; the system writes the number of every signal there is."""
    with os.fdopen(reader, "rb", buffering=0) as stream:
        while heard := stream.read(1):
            if heard[0] in numbers:
                hear(signal.Signals(heard[0]))


def _let_end(thread: Thread, writer: int) -> None:
    os.close(writer)
    if thread.is_alive():  # a handler that raises may have come before it was started
        thread.join()
