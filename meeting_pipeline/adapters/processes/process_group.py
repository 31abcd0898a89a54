"""Child processes: one way to start, limit, stop and kill them."""

import os
import resource
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from signal import SIGKILL
from threading import Lock
from types import MappingProxyType

from meeting_pipeline.errors import Stopped
from meeting_pipeline.runtime.limits import NEEDED, within

LIMITS: Mapping[int, int] = MappingProxyType(
    {
        resource.RLIMIT_AS: NEEDED[resource.RLIMIT_AS],
        resource.RLIMIT_FSIZE: NEEDED[resource.RLIMIT_FSIZE],
        resource.RLIMIT_CORE: 0,
    }
)
"""More than any recording needs: a crafted one that exceeds it ends its decoder, and only that."""

NICENESS = 5
"""Of what computes: sending and receiving needs little of the processor, and all wait for it."""

_UNLIMITED: Mapping[int, int] = MappingProxyType({})


class ProcessGroup:
    """The child processes of one owner, who can end them all; threads may share it.

    Each child leads a session of its own, so that Ctrl-C in the terminal reaches only this process,
    and so that whatever the child has started is killed with it.
    """

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._guard = Lock()
        self._closed = False

    def __len__(self) -> int:
        """Return how many children were started and not yet ended."""
        return len(self._running)

    def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        stdout: int = subprocess.DEVNULL,
        stderr: int | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program without standard input; `end` has to be called for it.

        Args:
            command: The program and its arguments.
            environment: Replaces the environment of this process.
            pass_fds: Descriptors that the child inherits.
            stdout: Where its standard output goes, as for `subprocess.Popen`.
            stderr: Where its standard error goes; None for where ours does.

        Raises:
            Stopped: After `close`.
            OSError: The program cannot be started.
        """
        with self._guard:
            self.check_open()
            process = subprocess.Popen(  # noqa: S603 - a list and no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=environment,
                pass_fds=pass_fds,
                start_new_session=True,
            )
            self._running.add(process)
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a child if it still runs, wait for its end and close its pipes."""
        _kill(process)
        with process:
            pass
        with self._guard:
            self._running.discard(process)

    @contextmanager
    def ended_after(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """End a child when the block ends.

        Raises:
            Stopped: `close` was called while the block ran.
        """
        try:
            yield
        finally:
            self.end(process)
        self.check_open()

    def close(self) -> None:
        """Kill all children and start no more; a thread that waits for one gets Stopped."""
        with self._guard:
            self._closed = True
            running = list(self._running)
        for process in running:
            _kill(process)
        for process in running:
            process.wait()

    def check_open(self) -> None:
        """Raise Stopped after `close`."""
        if self._closed:
            raise Stopped("stopped", "the run was asked to end")


def restrict(process: subprocess.Popen[bytes], limits: Mapping[int, int] = _UNLIMITED) -> None:
    """Lower the priority of a child, and limit its resources.

    From outside, because nothing of ours can run between fork and exec while there are threads.

    Args:
        process: The child.
        limits: The most it may have of each `resource.RLIMIT_…`.
    """
    with suppress(OSError):  # it has ended already
        os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
    with suppress(ProcessLookupError):
        for kind, most in limits.items():
            allowed = within(most, *resource.prlimit(process.pid, kind))
            resource.prlimit(process.pid, kind, (allowed, allowed))


def restrict_this_process() -> None:
    """Lower the priority of this process, and limit its resources to LIMITS."""
    os.nice(NICENESS)
    for kind, most in LIMITS.items():
        allowed = within(most, *resource.getrlimit(kind))
        resource.setrlimit(kind, (allowed, allowed))


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:  # not waited for: the number is still its own
        with suppress(ProcessLookupError):
            os.killpg(process.pid, SIGKILL)
