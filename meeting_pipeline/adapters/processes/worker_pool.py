"""Worker processes, started when they are first needed and replaced when they die."""

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

_PROGRAM = "from meeting_pipeline.adapters.processes.worker import main; main()"
_PYTHON_WORDS = ("-P", "-c", _PROGRAM)  # -P: modules of the current folder are not ours


class WorkerPool:
    """At most `size` workers at once; any thread may ask, and waits while all are busy.

    Those at work share the processor's cores. Workers are plain subprocesses of this interpreter,
    so it does not matter how this one was started, and in a session of their own, so Ctrl-C in the
    terminal reaches only us. cores: that all of them may use. environment: theirs instead of ours.
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
        """The task's result; raises what the worker raised, RuntimeError for its bugs.

        Raises RetryableError("worker_died") when the process ends in the middle, Stopped when
        that was `close`, and after it; ("worker_stalled") when it says nothing for stall_s.
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
        """Have that many there, with all that they take loaded before the first task.

        Waits for no process, and starts none where all are at work.
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
            self._free.put(worker)  # on top: they are asked before another one is started

    def close(self) -> None:
        """Kill every worker, also one that is at work."""
        self._processes.close()

    @contextmanager
    def _at_work(self, worker: "_Worker") -> Iterator[None]:
        """Give the worker its share of the cores, and at the end back to the others."""
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
        """All that are free, and the places of those to come."""
        places = []
        with suppress(Empty):
            while True:
                places.append(self._free.get_nowait())
        return places

    def _begun(self) -> "_Worker | None":
        try:
            worker = self._start()
        except (Stopped, OSError):
            return None  # the one that asks for it will be told; its place must not be lost
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
        """Raises EOFError or OSError when the process is gone, RetryableError when it hangs."""
        self._send(task)
        while True:
            if not self._connection.poll(stall_s):
                raise _stalled(stall_s)
            message: Advanced | Done | Failed | Crashed = self._connection.recv()
            if not isinstance(message, Advanced):
                return message
            progress(message.fraction)

    def prepare(self) -> None:
        """Have it load what it takes; who asks a dead one for a task will notice."""
        with suppress(OSError):
            self._send(Begin())

    def may_use(self, cores: int) -> None:
        """Tell it how many cores; who asks a dead one for a task will notice."""
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
        f"A process that works on recordings said nothing for {stall_s:g} s, and was ended.",
        within_run=False,  # it would keep others from the processor again
    )


def _died(error: EOFError | OSError) -> RetryableError:
    return RetryableError(
        "worker_died",
        f"A process that works on recordings ended in the middle ({type(error).__name__}).",
        hint="often the machine ran out of memory: lower JOBS, or use a smaller WHISPER_MODEL",
    )
