"""A program that writes to us through a pipe, and ends when it hangs or when we are gone."""

import os
import re
import resource
import selectors
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from signal import SIGKILL
from threading import Lock
from time import monotonic
from types import MappingProxyType

from meeting_pipeline.errors import ConfigError, RetryableError, Stopped
from meeting_pipeline.runtime.programs import find_program

STALL_S = 120.0
_BLOCK_BYTES = 1 << 16
_NICENESS = 5  # what feeds the network goes first: it needs little, and everything waits for it
_TAIL_BYTES = 8 << 10
_ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}  # messages we know, and none of our secrets
_ADDRESS = re.compile(r" ?@ 0x[0-9a-f]+")


@dataclass(frozen=True)
class Ended:
    """How a child ended. complaints: the last 8 kB of its standard error."""

    returncode: int
    complaints: str

    @property
    def reason(self) -> str:
        """Its last words as one printable line."""
        lines = self.complaints.strip().splitlines() or [f"exit code {self.returncode}"]
        words = _ADDRESS.sub("", lines[-1])
        return "".join(letter if letter.isprintable() else "?" for letter in words)[:300]


class Children:
    """The children of one owner, who can end them all; threads may share it."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._guard = Lock()
        self._closed = False

    def close(self) -> None:
        """End them; raises Stopped where they are waited for, and for every later one."""
        with self._guard:
            self._closed = True
            for process in self._running:
                _kill(process)

    def check_open(self) -> None:
        """Raises Stopped after `close`."""
        if self._closed:
            raise Stopped("stopped", "the run was asked to end")

    @contextmanager
    def watching(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """`close` ends this one, too, while the block runs."""
        with self._guard:
            self.check_open()
            self._running.add(process)
        try:
            yield
        finally:
            with self._guard:
                self._running.discard(process)
        self.check_open()


def run(
    command: Sequence[str],
    take: Callable[[bytes], None],
    stall_s: float = STALL_S,
    children: Children | None = None,
    limits: Mapping[int, int] = MappingProxyType({}),
) -> Ended:
    """Run a command to its end and hand over everything it writes to standard output.

    stall_s: seconds without output after which it counts as hanging; its process group is killed.
    children: who can end it before. limits: the most it may have of each resource.RLIMIT_….
    If we are killed, the system ends it; where util-linux is not installed, the broken pipe does,
    for a child must write all the time.
    Raises Stopped, RetryableError("media_tool_stalled"), ("media_tool_killed"), ConfigError.
    """
    with _started(command) as process, (children or Children()).watching(process):
        _limit(process, limits)
        complaints = _drain(process, take, stall_s)
        try:
            returncode = process.wait(stall_s)
        except subprocess.TimeoutExpired as error:
            raise _stalled(process, stall_s) from error
    if returncode < 0:
        raise RetryableError(
            "media_tool_killed", f"{command[0]} was killed by signal {-returncode}"
        )
    return Ended(returncode, complaints.decode(errors="replace"))


@contextmanager
def _started(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The child in a process group of its own, of which nothing is left afterwards."""
    if not find_program(command[0]):
        raise _missing(command[0], "there is no such program")
    try:
        process = subprocess.Popen(  # noqa: S603 - a list, no shell; names are prefixed with file:
            [*_leash(), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_ENVIRONMENT,
            start_new_session=True,
        )
    except OSError as error:
        raise _missing(command[0], error.strerror or "") from error
    with process:
        try:
            with suppress(OSError):  # it has ended already
                os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
            yield process
        finally:
            _kill(process)


def _limit(process: subprocess.Popen[bytes], limits: Mapping[int, int]) -> None:
    """From outside, for nothing of ours can run between fork and exec while there are threads."""
    with suppress(ProcessLookupError):
        for what, most in limits.items():
            resource.prlimit(process.pid, what, (most, most))


@cache
def _leash() -> tuple[str, ...]:
    """What makes the system kill a program with the thread that started it; () without it."""
    leash = ("setpriv", "--pdeathsig", "KILL", "--")
    try:
        tried = subprocess.run(  # noqa: S603 - a fixed command, of the system's folders
            [*leash, "true"], env=_ENVIRONMENT, capture_output=True, check=False
        )
    except OSError:
        return ()
    return leash if tried.returncode == 0 else ()


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, SIGKILL)


def _missing(program: str, reason: str) -> ConfigError:
    return ConfigError(
        "media_tool_missing",
        f"{program} cannot be started: {reason}",
        hint="install ffmpeg, or leave it out: PyAV does the same",
    )


def _drain(
    process: subprocess.Popen[bytes], take: Callable[[bytes], None], stall_s: float
) -> bytes:
    """Read both pipes to their ends; only standard output counts as progress."""
    tail = b""
    deadline = monotonic() + stall_s
    with _both_pipes(process) as pipes:
        while pipes.get_map():
            ready = pipes.select(deadline - monotonic())
            if monotonic() >= deadline:
                raise _stalled(process, stall_s)
            for key, _ in ready:
                block = os.read(key.fd, _BLOCK_BYTES)
                if not block:
                    pipes.unregister(key.fileobj)
                elif key.fileobj is process.stderr:
                    tail = (tail + block)[-_TAIL_BYTES:]
                else:
                    take(block)
                    deadline = monotonic() + stall_s
    return tail


@contextmanager
def _both_pipes(process: subprocess.Popen[bytes]) -> Iterator[selectors.BaseSelector]:
    with selectors.DefaultSelector() as pipes:
        for pipe in (process.stdout, process.stderr):
            assert pipe
            pipes.register(pipe, selectors.EVENT_READ)
        yield pipes


def _stalled(process: subprocess.Popen[bytes], stall_s: float) -> RetryableError:
    return RetryableError(
        "media_tool_stalled",
        f"process {process.pid} did nothing for {stall_s:g} s and was ended",
        within_run=False,  # it would keep others from the processor again
    )
