"""strace on one thread: it counts system calls, or kills the process at the n-th one.

strace counts per thread and per name of a call, so a point is (thread, call, number) and the
whole enumeration goes through all three.
"""

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

MUTATIONS = (
    "rename",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "fsync",
    "fdatasync",
    "ftruncate",
    "pwrite64",
    "write",
    "sendto",
    "sendmsg",
    "connect",
    "vfork",
    "clone3",
)
"""The calls that change something outside the process, as this Python and its libraries make."""

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")


@dataclass(frozen=True)
class Tracer:
    """One strace. log: where it writes what it saw, or None."""

    options: tuple[str, ...]
    log: Path | None = None

    @classmethod
    def killing(cls, call: str, number: int) -> "Tracer":
        inject = f"inject={call}:signal=SIGKILL:when={number}"
        return cls(("-e", f"trace={call}", "-e", inject, "-o", os.devnull))

    @classmethod
    def counting(cls, names: Sequence[str], log: Path) -> "Tracer":
        return cls(("-e", f"trace={','.join(names)}", "-o", str(log)), log)

    def counted(self) -> Counter[str]:
        """How often each call was begun."""
        assert self.log
        lines = self.log.read_text("utf-8", "replace").splitlines()
        return Counter(found[1] for line in lines if (found := _CALL.match(line)))

    @contextmanager
    def attached(self, thread: int) -> Iterator[None]:
        """Trace that thread while the block runs; nothing it does in there is missed."""
        command = ["strace", *self.options, "-p", str(thread)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr
            said = process.stderr.readline()
            assert "attached" in said, said
            yield
            process.stderr.read()


@cache
def why_not() -> str | None:
    """Why strace cannot trace here, or None where it can."""
    if not shutil.which("strace"):
        return "strace is not installed (apt-get install strace)"
    tried = subprocess.run(
        ["strace", "-o", os.devnull, "true"], capture_output=True, text=True, check=False
    )
    return f"ptrace is not allowed: {tried.stderr.strip()}" if tried.returncode else None


def require_tracing() -> None:
    """Skip the test aloud where nothing can be traced; in CI that is a failure."""
    reason = why_not()
    if reason is None:
        return
    if os.environ.get("CI"):
        pytest.fail(f"crash points cannot be enumerated: {reason}")
    pytest.skip(f"CRASH POINTS ARE NOT TESTED: {reason}")
