"""A `python` that starts our worker processes in milliseconds; what else it is asked for is python.

Half of a short night is the start of its decoder: an interpreter that imports numpy and FFmpeg's
libraries. This `python` is a program like any other to who starts, kills and waits for it, but has
the worker forked from a process that has all of that imported. It ends as the worker does, and the
worker is killed when it is.

The forking process is started as `python -m tests.support.quick_python`.
"""

import ctypes
import gc
import marshal
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NoReturn

from meeting_pipeline.adapters.processes.worker_pool import _PROGRAM, _PYTHON_WORDS

SINGLE = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}
_HERE = Path(__file__).parents[2]
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_LARGEST, _MOST_DESCRIPTORS = 1 << 20, 4096
_LAUNCHER = """#!{python} -IS
import os, sys
if sys.argv[1:-1] != {words!r}:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
import marshal, _socket
inherited = int(sys.argv[-1])
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
server.connect({address!r})
order = marshal.dumps((dict(os.environ), os.getcwd(), inherited))
streams = b"".join(one.to_bytes(4, sys.byteorder) for one in (0, 1, 2, inherited))
server.sendmsg([order], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
os.close(inherited)
code = int(server.recv(16) or b"1")
if code < 0:
    os.kill(os.getpid(), -code)
os._exit(code)
"""


@contextmanager
def quick_python(plant: Callable[[], None] | None = None) -> Iterator[str]:
    """The path of the program, for `sys.executable`.

    Args:
        plant: Called where workers are forked, once all is imported.
    """
    planted = [name_of(plant)] if plant else []
    with tempfile.TemporaryDirectory(prefix="py", dir="/tmp") as folder:  # a short path
        address, program = Path(folder, "s"), Path(folder, "python")
        python = sys.executable
        words = list(_PYTHON_WORDS)
        text = _LAUNCHER.format(python=python, words=words, address=str(address))
        program.write_text(text)
        program.chmod(0o700)
        with subprocess.Popen(
            [python, "-P", "-m", __name__, str(address), *planted],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **SINGLE, "PYTHONPATH": str(_HERE)},
        ) as process:
            assert process.stdin and process.stdout
            assert process.stdout.readline() == b"ready\n"
            yield str(program)
            process.stdin.close()


@dataclass
class _Worker:
    """One that was forked. launcher: the other end is the program that stands for it."""

    pid: int
    watch: int
    launcher: socket.socket


def name_of(function: Callable[[], None]) -> str:
    """What another process finds a function by (`pkgutil.resolve_name`)."""
    return f"{function.__module__}:{function.__qualname__}"


def serve(address: str, planted: Sequence[str]) -> None:
    """Fork a worker for each launcher that connects, until standard input ends.

    Args:
        address: Where they connect.
        planted: The names of functions to call first (`name_of`).
    """
    import tests.support.imports_of_workers  # noqa: F401 - forked workers have it

    for name in planted:
        resolve_name(name)()
    gc.freeze()  # a child that collects need not look through all that was imported
    assert threading.active_count() == 1, threading.enumerate()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(address)
    listener.listen(64)
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    selector.register(listener, selectors.EVENT_READ)
    os.write(1, b"ready\n")
    while True:
        for key, _ in selector.select():
            if selector.get_map().get(key.fd) is not key:
                continue  # of a worker whose end came before it in this batch
            if key.fileobj == 0:
                return
            if key.fileobj is listener:
                _begin(selector, listener.accept()[0])
            elif key.fileobj == key.data.watch:
                _ended(selector, key.data)
            else:
                selector.unregister(key.fileobj)
                signal.pidfd_send_signal(key.data.watch, signal.SIGKILL)


def _begin(selector: selectors.BaseSelector, launcher: socket.socket) -> None:
    """Fork what a launcher asks for; one that was killed before it asked wants nothing."""
    order, descriptors, _, _ = socket.recv_fds(launcher, _LARGEST, 4)
    if order:
        pid = os.fork()
        if pid == 0:
            _become(marshal.loads(order), descriptors)
        worker = _Worker(pid, os.pidfd_open(pid), launcher)
        for one in (worker.watch, launcher):
            selector.register(one, selectors.EVENT_READ, worker)
    for one in descriptors:
        os.close(one)


def _ended(selector: selectors.BaseSelector, worker: _Worker) -> None:
    code = os.waitstatus_to_exitcode(os.waitpid(worker.pid, 0)[1])
    selector.unregister(worker.watch)
    os.close(worker.watch)
    if worker.launcher in selector.get_map():
        selector.unregister(worker.launcher)
        with suppress(ConnectionError):  # the launcher was killed in the same moment
            worker.launcher.send(str(code).encode())
    worker.launcher.close()


def _become(order: tuple[dict[str, str], str, int], descriptors: list[int]) -> NoReturn:
    """This process is the worker now, as if the interpreter had been started for it."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        environment, folder, inherited = order
        for number, one in zip((0, 1, 2, inherited), descriptors, strict=True):
            os.dup2(one, number)
        os.closerange(3, inherited)
        os.closerange(inherited + 1, _MOST_DESCRIPTORS)
        os.setsid()
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["-c", str(inherited)]
        main: dict[str, Any] = {"__name__": "__main__"}
        exec(_PROGRAM, main)
        code = 0
    except BaseException:  # noqa: BLE001 (a forked child must never return into the server)
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
