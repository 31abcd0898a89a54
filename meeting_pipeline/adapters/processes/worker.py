"""The program of a worker process, and the messages between it and its parent.

It reads one `Work` and then tasks from the socket that it inherits. Each task is answered by any
number of `Advanced` and one `Done`, `Failed` or `Crashed`. `Cores` and `Begin` may come at any time
and are not answered. The process ends when the other end of the socket is closed.
"""

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, NoReturn, Protocol

from meeting_pipeline.adapters.processes.resizable_semaphore import ResizableSemaphore
from meeting_pipeline.errors import FatalError, MeetingError
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.runtime.limits import HINT, too_low

Worker = Callable[[Any, Progress], Any]
"""Does one task after another: returns a result that can be pickled, or raises our errors."""


class Work(Protocol):
    """What workers do. It is sent to their processes, so it can be pickled."""

    def begin(self, slots: ResizableSemaphore) -> Worker:
        """Load what the work needs and return what does it.

        Args:
            slots: A semaphore that each thread holds while it computes, with as many places as
                there are cores for this process.

        Raises:
            MeetingError: It cannot be loaded.
        """


@dataclass(frozen=True)
class Cores:
    """The number of cores that the worker may use from now on."""

    number: int


@dataclass(frozen=True)
class Begin:
    """An announcement of a task: load what it needs. An error is raised again by the task."""


@dataclass(frozen=True)
class Advanced:
    """The share of the task that is done, 0..1."""

    fraction: float


@dataclass(frozen=True)
class Done:
    """The result of the task."""

    result: Any


@dataclass(frozen=True)
class Failed:
    """The error of a task, in parts, because our errors cannot be pickled."""

    kind: type[MeetingError]
    code: str
    message: str
    hint: str

    def error(self) -> MeetingError:
        """Return the same error."""
        return self.kind(self.code, self.message, hint=self.hint)


@dataclass(frozen=True)
class Crashed:
    """A bug in a task: its kind and place, without values, as they may be transcript text."""

    kind: str
    where: str

    @classmethod
    def by(cls, bug: Exception) -> "Crashed":
        """Describe a bug by its kind and its innermost three calls."""
        calls = traceback.extract_tb(bug.__traceback__)[-3:]
        where = " > ".join(f"{Path(call.filename).name}:{call.lineno}" for call in calls)
        return cls(type(bug).__name__, where)

    def error(self) -> RuntimeError:
        """Return a bug for the caller, too."""
        return RuntimeError(f"{self.kind} in a worker process at {self.where}")


def main() -> None:
    """Serve the socket whose number is the first argument until its other end is closed."""
    connection: Connection[Any, Any] = Connection(int(sys.argv[1]))
    inbox: SimpleQueue[Any] = SimpleQueue()
    slots = ResizableSemaphore(1)
    Thread(target=_receive, args=(connection, inbox, slots), daemon=True).start()
    work: Work = inbox.get()
    worker: Worker | None = None

    def progress(fraction: float) -> None:
        _send(connection, Advanced(fraction))

    while True:
        task = inbox.get()
        if isinstance(task, Begin):
            with suppress(Exception):
                worker = worker or work.begin(slots)
            continue
        try:
            worker = worker or work.begin(slots)
            answer: Done | Failed | Crashed = Done(worker(task, progress))
        except MeetingError as error:
            answer = Failed(type(error), error.code, error.message, error.hint)
        except (MemoryError, ImportError) as error:
            answer = _starved(error)
        except Exception as bug:  # noqa: BLE001 - told to the parent, where it is raised again
            answer = Crashed.by(bug)
        _send(connection, answer)


def _starved(error: MemoryError | ImportError) -> Failed | Crashed:
    """Return what a process answers whose limits leave no room to load or to work."""
    if low := too_low():
        message = f"there is not enough memory for a recording: {low}"
        return Failed(FatalError, "limits_too_low", message, HINT)
    return Crashed.by(error)


def _receive(
    connection: "Connection[Any, Any]", inbox: "SimpleQueue[Any]", slots: ResizableSemaphore
) -> None:
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            _leave()
        if isinstance(message, Cores):
            slots.resize(message.number)
        else:
            inbox.put(message)


def _send(connection: "Connection[Any, Any]", message: Advanced | Done | Failed | Crashed) -> None:
    try:
        connection.send(message)
    except OSError:
        _leave()


def _leave() -> NoReturn:
    os._exit(0)  # what the main thread may still compute is not needed
