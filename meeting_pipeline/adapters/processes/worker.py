"""What a worker process does, and the messages it is spoken to with.

It reads one `Work`, then tasks, from the socket it inherited, and answers each with any number of
`Advanced` and one `Done`, `Failed` or `Crashed`; `Cores` and `Begin` may come at any time, and have
no answer. When the other end is gone, however that happened, the process ends too.
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
from meeting_pipeline.errors import MeetingError
from meeting_pipeline.ports.progress import Progress

Worker = Callable[[Any, Progress], Any]
"""Does one task after another: given the task, its result, which can be pickled, or our errors."""


class Work(Protocol):
    """What workers do, as it is sent to their processes."""

    def begin(self, slots: ResizableSemaphore) -> Worker:
        """Load whatever it takes; raises our errors.

        slots: one for each thread that computes, as many as there are cores for this process.
        """


@dataclass(frozen=True)
class Cores:
    """How many cores the worker may use from now on."""

    number: int


@dataclass(frozen=True)
class Begin:
    """A task will come: load what it takes. What goes wrong with it, the task will tell."""


@dataclass(frozen=True)
class Advanced:
    """How far the task is, 0..1."""

    fraction: float


@dataclass(frozen=True)
class Done:
    """The task's result."""

    result: Any


@dataclass(frozen=True)
class Failed:
    """The error a task ended with, in parts, because our errors cannot be pickled."""

    kind: type[MeetingError]
    code: str
    message: str
    hint: str

    def error(self) -> MeetingError:
        """The same error again."""
        return self.kind(self.code, self.message, hint=self.hint)


@dataclass(frozen=True)
class Crashed:
    """A bug the task met: what and where, without values, for they may be transcript text."""

    kind: str
    where: str

    @classmethod
    def by(cls, bug: Exception) -> "Crashed":
        """The innermost three calls say enough."""
        calls = traceback.extract_tb(bug.__traceback__)[-3:]
        where = " > ".join(f"{Path(call.filename).name}:{call.lineno}" for call in calls)
        return cls(type(bug).__name__, where)

    def error(self) -> RuntimeError:
        """A bug for the caller too."""
        return RuntimeError(f"{self.kind} in a worker process at {self.where}")


def main() -> None:
    """Serve the socket named by the first argument until the other end is gone."""
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
        except Exception as bug:  # noqa: BLE001 - told to the parent, where it is raised again
            answer = Crashed.by(bug)
        _send(connection, answer)


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
    os._exit(0)  # no caller wants what the main thread may still be computing
