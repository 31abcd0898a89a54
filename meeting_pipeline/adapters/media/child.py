"""A program that writes to us through a pipe, and ends when it hangs or when we are gone."""

import os
import re
import selectors
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from signal import SIGKILL
from time import monotonic

from meeting_pipeline.errors import ConfigError, RetryableError

STALL_S = 120.0
_BLOCK_BYTES = 1 << 16
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


def run(command: Sequence[str], take: Callable[[bytes], None], stall_s: float = STALL_S) -> Ended:
    """Run a command to its end and hand over everything it writes to standard output.

    stall_s: seconds without output after which it counts as hanging; its process group is killed.
    A child must write all the time: if we are killed, the broken pipe is what ends it.
    Raises RetryableError("media_tool_stalled"), ("media_tool_killed"), ConfigError.
    """
    with _started(command) as process:
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
    try:
        process = subprocess.Popen(  # noqa: S603 - a list, no shell; names are prefixed with file:
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_ENVIRONMENT,
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigError(
            "media_tool_missing",
            f"{command[0]} cannot be started: {error.strerror}",
            hint="install ffmpeg, or leave it out: PyAV does the same",
        ) from error
    with process:
        try:
            yield process
        finally:
            if process.returncode is None:
                os.killpg(process.pid, SIGKILL)


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
        "media_tool_stalled", f"process {process.pid} did nothing for {stall_s:g} s and was ended"
    )
