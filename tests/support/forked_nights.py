"""A server process that has imported everything and forks a night on request, without start-up.

Started as `python -m tests.support.forked_nights PYTHON [PLANT]` and asked by
`tests.support.night_processes`. It has one thread, so forking is safe; each child runs the real
command and ends with its exit code. Orphans of a killed child become children of this process, so
none of them can go unseen. PYTHON: what nights start their workers with. PLANT: a function that
gives them a bug (`name_of`).
"""

import ctypes
import faulthandler
import gc
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from types import FrameType
from typing import Any, BinaryIO, NoReturn

import tests.support.imports_of_nights  # noqa: F401 - forked nights have it
from tests.support import syscall_trap
from tests.support.syscall_trap import Trip

Words = Mapping[str, Any]
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_SOON_S = 0.02


def serve(replies: int, planted: Sequence[str]) -> None:
    """Answer one request a line until standard input ends; call the planted functions first."""
    for name in planted:
        resolve_name(name)()
    gc.freeze()  # a child that collects need not look through all that was imported
    assert threading.active_count() == 1, threading.enumerate()
    _prctl(_SUBREAPER, 1)
    _tell(replies, ready=True)
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "night":
            _night(request, replies)
        else:
            _tell(replies, left=_orphans(request["within_s"]))


def _night(request: Words, replies: int) -> None:
    watcher, watched = socket.socketpair()
    child = os.fork()
    if child == 0:
        watcher.close()
        _run(request, watched, replies)
    watched.close()
    counts = _watch(request["trip"], watcher, child)
    watcher.close()
    _, status = os.waitpid(child, 0)
    _tell(replies, status=status, calls=json.loads(counts.read()) if counts else {})


def _watch(trip: Words | None, watcher: socket.socket, night: int) -> BinaryIO | None:
    """Have a process of its own watch the wire, which those who outlive the night may hold.

    Returns where to read what it has counted, if it is to count.
    """
    if trip is None:
        return None
    heard, said = os.pipe()
    if os.fork() == 0:
        try:
            _prctl(_DIES_WITH_PARENT, signal.SIGKILL)
            made = syscall_trap.watch(_trip_of(trip), watcher, night)
            os.write(said, json.dumps(made).encode())
        except Exception:  # noqa: BLE001 (a forked child must never return into the parent)
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(said)
    counts = os.fdopen(heard, "rb")
    if trip["number"] == 0:
        return counts
    counts.close()
    return None


def _trip_of(trip: Words) -> Trip:
    return Trip(tuple(trip["names"]), trip["number"])


def _run(request: Words, watched: socket.socket, replies: int) -> NoReturn:
    code = 70
    try:
        _prctl(_DIES_WITH_PARENT, signal.SIGKILL)  # should the tests end while it is held
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)  # also where the tests were started by `nohup`
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        if request["hold"] is None:  # who is held is traced, with children that are its own
            sys.executable = sys.argv[1]
        _redirect("out", 1)
        _redirect("err", 2)
        _tell(replies, pid=os.getpid())  # from here on it may be killed
        faulthandler.register(signal.SIGUSR1)  # one that hangs is asked where
        _hold(request["hold"], request["gate"], replies)
        if trip := request["trip"]:
            _at_start_of(trip["thread"], lambda: syscall_trap.lay(_trip_of(trip), watched))
        code = _command(request["words"])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _command(words: list[str]) -> int:
    """The command; "night" is what `meeting cron` does, which refuses hosts on loopback."""
    if words != ["night"]:
        from meeting_pipeline.cli.app import run_program

        return run_program(words)
    from meeting_pipeline.actions.night import night
    from meeting_pipeline.cli.session import begin
    from meeting_pipeline.ports.observer import RunObserver
    from meeting_pipeline.reporting.documents import run_document

    settings = begin("cron_incremental.log")
    document = run_document(night(settings, RunObserver()), settings.source.zone)
    sys.stdout.write(json.dumps(document, ensure_ascii=False))
    return int(document["exit_code"])


def _redirect(name: str, descriptor: int) -> None:
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, descriptor)
    os.close(file)


def _hold(thread: str | None, gate: str, replies: int) -> None:
    """Stop the thread of this name at its start, until somebody opens the gate."""

    def wait() -> None:
        _tell(replies, thread=threading.get_native_id())
        Path(gate).read_bytes()  # opening a FIFO waits for its writer

    if thread:
        _at_start_of(thread, wait)


def _at_start_of(thread: str, act: Callable[[], object]) -> None:
    """Have the thread of this name do that before anything else."""

    def started(frame: FrameType, event: str, details: object) -> None:
        sys.setprofile(None)
        if threading.current_thread().name == thread:
            act()

    if thread == threading.main_thread().name:
        act()
    else:
        threading.setprofile(started)


def _orphans(within_s: float) -> list[str]:
    """What is still alive of all nights' children after so long; it is ended then."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(_SOON_S)
        except ChildProcessError:
            return []
    return [_ended(pid) for pid in _children()]


def _ended(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return command


def _children() -> list[int]:
    return [int(pid) for pid in Path("/proc/self/task/self/children").read_text().split()]


def _tell(replies: int, **words: object) -> None:
    os.write(replies, json.dumps(words).encode() + b"\n")


if __name__ == "__main__":
    answers = os.dup(1)
    os.dup2(2, 1)
    serve(answers, sys.argv[2:])
