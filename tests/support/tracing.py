"""strace, which writes down the system calls of a thread that is stopped at its start."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Tracer:
    """One strace. log: where it writes what it saw, or None."""

    options: tuple[str, ...]
    log: Path | None = None

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
    require(why_not())


def require(reason: str | None) -> None:
    """Skip the test aloud for that reason, if there is one; in CI that is a failure."""
    if reason is None:
        return
    if os.environ.get("CI"):
        pytest.fail(f"crash points cannot be enumerated: {reason}")
    pytest.skip(f"CRASH POINTS ARE NOT TESTED: {reason}")
