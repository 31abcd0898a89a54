"""What a recogniser process does, and the messages it is spoken to with.

It reads one `Options`, then `Task`s, from the socket it inherited, and answers each with any number
of `Advanced` and one `Done` or `Failed`. When the other end is gone, however that happened, the
process ends too.
"""

import os
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, NoReturn

from meeting_pipeline.adapters.asr.recognizer import Options, Recognizer
from meeting_pipeline.domain.model import Transcript
from meeting_pipeline.errors import MeetingError


@dataclass(frozen=True)
class Task:
    """One recording to turn into text."""

    audio: Path
    duration_s: float


@dataclass(frozen=True)
class Advanced:
    """How far the task is, 0..1."""

    fraction: float


@dataclass(frozen=True)
class Done:
    """The task's result."""

    transcript: Transcript


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


def main() -> None:
    """Serve the socket named by the first argument until the other end is gone."""
    connection: Connection[Any, Any] = Connection(int(sys.argv[1]))
    inbox: SimpleQueue[Any] = SimpleQueue()
    Thread(target=_receive, args=(connection, inbox), daemon=True).start()
    options: Options = inbox.get()
    recognizer: Recognizer | None = None
    while True:
        task: Task = inbox.get()
        try:
            recognizer = recognizer or Recognizer(options)
            answer: Done | Failed = Done(
                recognizer.recognize(
                    task.audio,
                    task.duration_s,
                    lambda fraction: _send(connection, Advanced(fraction)),
                )
            )
        except MeetingError as error:
            answer = Failed(type(error), error.code, error.message, error.hint)
        _send(connection, answer)


def _receive(connection: "Connection[Any, Any]", inbox: "SimpleQueue[Any]") -> None:
    while True:
        try:
            inbox.put(connection.recv())
        except (EOFError, OSError):
            _leave()


def _send(connection: "Connection[Any, Any]", message: Advanced | Done | Failed) -> None:
    try:
        connection.send(message)
    except OSError:
        _leave()


def _leave() -> NoReturn:
    os._exit(0)  # nobody wants what the main thread may still be computing
