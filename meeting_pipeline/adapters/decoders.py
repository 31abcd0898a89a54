"""What needs a media decoder, done in processes of their own.

A decoder is as large as the rest of the program, takes a processor for seconds while our threads
have requests to make, and may crash on a broken file.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from meeting_pipeline.adapters.turns import Turns
from meeting_pipeline.adapters.worker import Worker
from meeting_pipeline.adapters.worker_pool import WorkerPool
from meeting_pipeline.ports import Progress, no_progress


@dataclass(frozen=True)
class Call:
    """A function by its module and name, so that nobody imports it here, and what it is given."""

    module: str
    function: str
    given: Any


@dataclass(frozen=True)
class Calling:
    """What the processes do (`worker.Work`)."""

    def begin(self, turns: Turns) -> Worker:
        """Nothing is loaded before it is called."""
        return _call


class Decoders:
    """Threads may share them. processes: how many files are worked on at once."""

    def __init__(self, processes: int) -> None:
        self._pool = WorkerPool(processes, Calling(), cores=processes)

    def call(self, module: str, function: str, given: object) -> Any:
        """What that function returns for `given`; raises our errors as it does.

        Raises RetryableError("worker_died") when its process ends, Stopped after `close`.
        """
        return self._pool.run(Call(module, function, given), no_progress)

    def close(self) -> None:
        """End the processes, also one that is at work."""
        self._pool.close()


def _call(call: Call, progress: Progress) -> Any:
    return getattr(import_module(call.module), call.function)(call.given)
