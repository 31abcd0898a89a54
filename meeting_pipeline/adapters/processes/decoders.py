"""Media decoders in processes of their own.

A decoder takes as much memory as the rest of the program, holds a processor for seconds while
threads have requests to make, and may crash on a damaged file.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from meeting_pipeline.adapters.processes.process_group import restrict_this_process
from meeting_pipeline.adapters.processes.resizable_semaphore import ResizableSemaphore
from meeting_pipeline.adapters.processes.worker import Worker
from meeting_pipeline.adapters.processes.worker_pool import WorkerPool
from meeting_pipeline.ports.progress import Progress, no_progress

_TELL_EVERY_S = 0.5
_AT_HAND = 1


@dataclass(frozen=True)
class Call:
    """A call of a function, by name: its module is imported in the decoder only.

    Attributes:
        module: The module of the function.
        function: Its name.
        given: Its argument.
        tells: Whether it reports progress, to a second argument.
    """

    module: str
    function: str
    given: Any
    tells: bool


@dataclass(frozen=True)
class Calling:
    """The work of a decoder: calling functions (`worker.Work`).

    Attributes:
        modules: What is imported before the first call.
    """

    modules: Sequence[str]

    def begin(self, slots: ResizableSemaphore) -> Worker:
        """Limit this process and import the modules.

        Args:
            slots: Not used: a decoder has one thread.
        """
        restrict_this_process()
        for module in self.modules:
            import_module(module)
        return _call


class Decoders:
    """A pool of decoders; threads may share it.

    Args:
        processes: How many files are decoded at once.
        modules: What a decoder imports before its first call.
    """

    def __init__(self, processes: int, modules: Sequence[str] = ()) -> None:
        self._pool = WorkerPool(processes, Calling(tuple(modules)), cores=processes)

    def prepare(self) -> None:
        """Start the first decoder before there is work for it, without waiting for it."""
        self._pool.prepare(_AT_HAND)

    def call(
        self,
        module: str,
        function: str,
        given: object,
        progress: Progress | None = None,
        stall_s: float | None = None,
    ) -> Any:
        """Call a function in a decoder and return its result.

        Args:
            module: The module of the function.
            function: Its name.
            given: Its argument.
            progress: Called with the share that is done, by functions that report it.
            stall_s: Seconds without a message after which the process is killed.

        Raises:
            MeetingError: The function raised it.
            RetryableError: "worker_died" or "worker_stalled".
            Stopped: After `close`.
        """
        call = Call(module, function, given, tells=progress is not None)
        return self._pool.run(call, progress or no_progress, stall_s)

    def close(self) -> None:
        """Kill the processes, also one that is at work."""
        self._pool.close()


def _call(call: Call, progress: Progress) -> Any:
    function = getattr(import_module(call.module), call.function)
    return function(call.given, _now_and_then(progress)) if call.tells else function(call.given)


def _now_and_then(progress: Progress) -> Progress:
    """Return a `progress` that passes on two reports a second: each wakes the other process."""
    told_at = time.monotonic()

    def tell(fraction: float) -> None:
        nonlocal told_at
        if fraction >= 1.0 or time.monotonic() - told_at >= _TELL_EVERY_S:
            told_at = time.monotonic()
            progress(fraction)

    return tell
