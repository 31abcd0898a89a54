"""A program that is run to its end, and killed when it hangs or when this process is gone."""

import os
import re
import selectors
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from time import monotonic
from types import MappingProxyType

from meeting_pipeline.adapters.processes.process_group import ProcessGroup, restrict
from meeting_pipeline.errors import ConfigError, RetryableError
from meeting_pipeline.runtime.limits import HINT, too_low
from meeting_pipeline.runtime.programs import find_program

STALL_S = 120.0
_BLOCK_BYTES = 1 << 16
_TAIL_BYTES = 8 << 10
_ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}  # English messages, and no secrets
_ADDRESS = re.compile(r" ?@ 0x[0-9a-f]+")


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        returncode: What it exited with.
        complaints: The last 8 kB of its standard error.
    """

    returncode: int
    complaints: str

    @property
    def reason(self) -> str:
        """The last line of its complaints, printable."""
        lines = self.complaints.strip().splitlines() or [f"exit code {self.returncode}"]
        words = _ADDRESS.sub("", lines[-1])
        return "".join(letter if letter.isprintable() else "?" for letter in words)[:300]


def run(
    command: Sequence[str],
    take: Callable[[bytes], None],
    stall_s: float = STALL_S,
    group: ProcessGroup | None = None,
    limits: Mapping[int, int] = MappingProxyType({}),
) -> Ended:
    """Run a command to its end and hand over everything that it writes to standard output.

    If this process is killed, the system kills the command; where util-linux is not installed, the
    broken pipe ends it, because the command has to write all the time.

    Args:
        command: The program and its arguments.
        take: Called with each block of its standard output.
        stall_s: Seconds without output after which it is taken to hang, and killed.
        group: The children among which it is, so that `close` kills it.
        limits: The most it may have of each `resource.RLIMIT_…`.

    Raises:
        Stopped: `close` of its group was called.
        RetryableError: "media_tool_stalled" or "media_tool_killed".
        ConfigError: "media_tool_missing": it cannot be started.
    """
    group = ProcessGroup() if group is None else group  # an empty one is false
    process = _started(command, group)
    with group.ended_after(process):
        restrict(process, limits)
        complaints = _drain(process, take, stall_s)
        try:
            returncode = process.wait(stall_s)
        except subprocess.TimeoutExpired as error:
            raise _stalled(process, stall_s) from error
    if returncode < 0:
        low = too_low()
        message = f"{command[0]} was killed by signal {-returncode}" + (low and f"; {low}")
        raise RetryableError("media_tool_killed", message, hint=HINT if low else "")
    return Ended(returncode, complaints.decode(errors="replace"))


def _started(command: Sequence[str], group: ProcessGroup) -> subprocess.Popen[bytes]:
    if not find_program(command[0]):
        raise _missing(command[0], "there is no such program")
    try:
        return group.start(
            [*_leash(), *command],
            environment=_ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise _missing(command[0], error.strerror or "") from error


@cache
def _leash() -> tuple[str, ...]:
    """Return the prefix with which the system kills a command when its starting thread ends.

    It is empty where `setpriv` of util-linux is not installed.
    """
    leash = ("setpriv", "--pdeathsig", "KILL", "--")
    try:
        tried = subprocess.run(  # noqa: S603 - a fixed command, of the system's folders
            [*leash, "true"], env=_ENVIRONMENT, capture_output=True, check=False
        )
    except OSError:
        return ()
    return leash if tried.returncode == 0 else ()


def _missing(program: str, reason: str) -> ConfigError:
    return ConfigError(
        "media_tool_missing",
        f"{program} cannot be started: {reason}",
        hint="install ffmpeg, or leave it out: PyAV does the same",
    )


def _drain(
    process: subprocess.Popen[bytes], take: Callable[[bytes], None], stall_s: float
) -> bytes:
    """Read both pipes to their ends and return the end of standard error.

    Only standard output counts as progress.
    """
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
        f"process {process.pid} wrote nothing for {stall_s:g} s and was killed",
        within_run=False,  # in the same run it would take the processor from others once more
    )
