"""What needs a media decoder, done in processes of their own.

A decoder is as large as the rest of the program, takes a processor for seconds while our threads
have requests to make, and may crash on a broken file.
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
    """A function by its module and name, so that it is not imported here, and what it is given.

    tells: whether it is also given whom to tell how far it is.
    """

    module: str
    function: str
    given: Any
    tells: bool


@dataclass(frozen=True)
class Calling:
    """What the processes do (`worker.Work`). modules: what most calls take."""

    modules: Sequence[str]

    def begin(self, slots: ResizableSemaphore) -> Worker:
        """Nobody gets more than any recording needs."""
        restrict_this_process()
        for module in self.modules:
            import_module(module)
        return _call


class Decoders:
    """Threads may share them.

    processes: how many files are worked on at once. modules: what they load before the first call.
    """

    def __init__(self, processes: int, modules: Sequence[str] = ()) -> None:
        self._pool = WorkerPool(processes, Calling(tuple(modules)), cores=processes)

    def prepare(self) -> None:
        """Start the first ones while nothing is there for them to do; waits for none of them."""
        self._pool.prepare(_AT_HAND)

    def call(
        self,
        module: str,
        function: str,
        given: object,
        progress: Progress | None = None,
        stall_s: float | None = None,
    ) -> Any:
        """What that function returns for `given`; raises our errors as it does.

        progress: told how far it is, by functions that tell. stall_s: seconds without a word after
        which its process is killed.
        Raises RetryableError("worker_died") when its process ends, ("worker_stalled"), Stopped
        after `close`.
        """
        call = Call(module, function, given, tells=progress is not None)
        return self._pool.run(call, progress or no_progress, stall_s)

    def close(self) -> None:
        """End the processes, also one that is at work."""
        self._pool.close()


def _call(call: Call, progress: Progress) -> Any:
    function = getattr(import_module(call.module), call.function)
    return function(call.given, _now_and_then(progress)) if call.tells else function(call.given)


def _now_and_then(progress: Progress) -> Progress:
    """Wake the one that is told."""
    told_at = time.monotonic()

    def tell(fraction: float) -> None:
        nonlocal told_at
        if fraction >= 1.0 or time.monotonic() - told_at >= _TELL_EVERY_S:
            told_at = time.monotonic()
            progress(fraction)

    return tell
