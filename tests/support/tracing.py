"""strace, which writes down the system calls of a thread that is stopped at its start."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.system_programs import require, require_program


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


def require_tracing() -> None:
    """Raise RequirementMissing where strace is not installed or may not trace."""
    require(_refusal(require_program("strace", "strace")))


@cache
def _refusal(strace: str) -> str | None:
    """Return why strace cannot trace here, or None where it can."""
    tried = subprocess.run(
        [strace, "-o", os.devnull, "true"], capture_output=True, text=True, check=False
    )
    return f"ptrace is not allowed: {tried.stderr.strip()}" if tried.returncode else None
