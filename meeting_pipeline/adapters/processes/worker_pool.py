"""A pool of worker processes, which are started on demand and replaced when they die."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from queue import Empty, LifoQueue
from threading import Lock
from typing import Any

from meeting_pipeline.adapters.processes.process_group import ProcessGroup
from meeting_pipeline.adapters.processes.worker import (
    Advanced,
    Begin,
    Cores,
    Crashed,
    Done,
    Failed,
    Work,
)
from meeting_pipeline.errors import RetryableError, Stopped
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.runtime.limits import HINT, too_low

_PROGRAM = "from meeting_pipeline.adapters.processes.worker import main; main()"
_PYTHON_WORDS = ("-P", "-c", _PROGRAM)  # -P: modules of the current folder are not ours


class WorkerPool:
    """A pool of workers; any thread may give it a task, and waits while all workers are busy.

    Those at work share the cores of the processor. Workers are subprocesses of this interpreter
    (`ProcessGroup`), so it does not matter how this process was started.

    Args:
        size: How many workers there are at the most.
        work: What they do.
        cores: How many cores all of them may use.
        environment: Replaces the environment of this process, or None.
    """

    def __init__(
        self, size: int, work: Work, *, cores: int, environment: Mapping[str, str] | None = None
    ) -> None:
        self._work = work
        self._environment = environment
        self._free: LifoQueue[_Worker | None] = LifoQueue()
        for _ in range(size):
            self._free.put(None)
        self._processes = ProcessGroup()
        self._cores = cores
        self._busy: set[_Worker] = set()
        self._lock = Lock()

    def run(self, task: Any, progress: Progress, stall_s: float | None = None) -> Any:
        """Have a worker do a task and return its result.

        Args:
            task: What `work` takes.
            progress: Called with the share that is done.
            stall_s: Seconds without a message after which the worker is killed, or None.

        Raises:
            MeetingError: The worker raised it.
            RetryableError: "worker_died" or "worker_stalled".
            Stopped: After `close`.
            RuntimeError: A bug in the worker.
        """
        worker = self._free.get()
        try:
            if worker is None or not worker.is_alive:
                self._discard(worker)
                worker = self._start()
            with self._at_work(worker):
                answer = worker.ask(task, progress, stall_s)
        except BaseException as error:
            # whatever interrupted us, the worker may still answer the old task: never reuse it
            self._discard(worker)
            worker = None
            if isinstance(error, (EOFError, OSError)):
                self._processes.check_open()
                raise _died(error) from error
            raise
        finally:
            self._free.put(worker)
        if isinstance(answer, Done):
            return answer.result
        raise answer.error()

    def prepare(self, least: int) -> None:
        """Start workers that load what they need before the first task, without waiting for them.

        Args:
            least: How many workers there have to be; fewer are started if all are at work.
        """
        if len(self._processes) >= least:
            return
        begun = []
        for place in reversed(self._taken()):
            if place is None and len(self._processes) < least:
                begun.append(self._begun())
            else:
                self._free.put(place)
        for worker in begun:
            self._free.put(worker)  # on top, so that they are asked before another one is started

    def close(self) -> None:
        """Kill every worker, also one that is at work."""
        self._processes.close()

    @contextmanager
    def _at_work(self, worker: "_Worker") -> Iterator[None]:
        """Give the worker its share of the cores while the block runs."""
        with self._lock:
            self._busy.add(worker)
            self._share()
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(worker)
                self._share()

    def _share(self) -> None:
        for worker in self._busy:
            worker.may_use(-(-self._cores // len(self._busy)))

    def _start(self) -> "_Worker":
        return _Worker(self._work, self._processes, self._environment)

    def _taken(self) -> "list[_Worker | None]":
        """Take all places that are free, with and without a worker."""
        places = []
        with suppress(Empty):
            while True:
                places.append(self._free.get_nowait())
        return places

    def _begun(self) -> "_Worker | None":
        try:
            worker = self._start()
        except (Stopped, OSError):
            return None  # the task that takes this place raises it again
        worker.prepare()
        return worker

    def _discard(self, worker: "_Worker | None") -> None:
        if worker:
            worker.end()


class _Worker:
    """One process and our end of the socket to it."""

    def __init__(
        self, work: Work, processes: ProcessGroup, environment: Mapping[str, str] | None
    ) -> None:
        self._connection, theirs = Pipe()
        self._processes = processes
        with theirs:
            self._process = processes.start(
                [sys.executable, *_PYTHON_WORDS, str(theirs.fileno())],
                environment=environment,
                pass_fds=[theirs.fileno()],
            )
        self._sending = Lock()
        self._send(work)

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs, as far as the system knows now."""
        return self._process.poll() is None

    def ask(self, task: Any, progress: Progress, stall_s: float | None) -> Done | Failed | Crashed:
        """Return the answer to a task, or raise EOFError or OSError if the process is gone."""
        self._send(task)
        while True:
            if not self._connection.poll(stall_s):
                raise _stalled(stall_s)
            message: Advanced | Done | Failed | Crashed = self._connection.recv()
            if not isinstance(message, Advanced):
                return message
            progress(message.fraction)

    def prepare(self) -> None:
        """Have it load what it needs; that it is dead shows when it is given a task."""
        with suppress(OSError):
            self._send(Begin())

    def may_use(self, cores: int) -> None:
        """Tell it how many cores it may use; that it is dead shows when it is given a task."""
        with suppress(OSError):
            self._send(Cores(cores))

    def _send(self, message: Any) -> None:
        with self._sending:
            self._connection.send(message)

    def end(self) -> None:
        """Kill the process; a thread that reads from it gets EOFError."""
        self._processes.end(self._process)


def _stalled(stall_s: float | None) -> RetryableError:
    return RetryableError(
        "worker_stalled",
        f"a worker process sent nothing for {stall_s:g} s and was killed",
        within_run=False,  # in the same run it would take the processor from others once more
    )


def _died(error: EOFError | OSError) -> RetryableError:
    low = too_low()
    return RetryableError(
        "worker_died",
        f"a worker process ended in the middle of its work ({type(error).__name__})"
        + (low and f"; {low}"),
        hint=HINT
        if low
        else "often the machine ran out of memory: lower JOBS, or use a smaller WHISPER_MODEL",
    )
