"""Signal handling on a thread, so that a signal handler has nothing to do.

Python runs a handler on the main thread between any two instructions. A handler that needs a lock
which the interrupted code holds waits for ever: `Event.set()` while the main thread enters
`Event.wait()` is enough. A thread waits until the lock is free. It also receives a signal at once
while the main thread is busy inside a C library.
"""

import os
import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread
from types import FrameType

Handler = Callable[[int, FrameType | None], object]


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """Do nothing; Python's own handler writes the signal to the wake-up descriptor."""


@contextmanager
def handle_signals_on_thread(
    numbers: Collection[signal.Signals],
    hear: Callable[[signal.Signals], None],
    handler: Handler = _do_nothing,
) -> Iterator[None]:
    """Call a function on a separate thread for each signal that comes while the block runs.

    Handlers and the wake-up descriptor are restored afterwards, so blocks may be nested; the inner
    one receives the signals. A signal that is ignored stays ignored, as `nohup` intends.

    Args:
        numbers: The signals to handle.
        hear: Called for one signal after the other; it must return soon.
        handler: The handler that Python also runs on the main thread as soon as it can.

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
    """Read signal numbers until the other end is closed; those of other signals are ignored."""
    with os.fdopen(reader, "rb", buffering=0) as stream:
        while heard := stream.read(1):
            if heard[0] in numbers:
                hear(signal.Signals(heard[0]))


def _let_end(thread: Thread, writer: int) -> None:
    os.close(writer)
    if thread.is_alive():  # a handler may have raised before the thread was started
        thread.join()
