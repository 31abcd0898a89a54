"""The real `meeting` in a process of its own, as a person or a script would call it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Standard output as the one JSON document it must be."""
        document: dict[str, Any] = json.loads(self.out)
        return document


def meeting(*words: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ended:
    """Run `meeting WORDS` with only these settings."""
    ended = subprocess.run(
        [sys.executable, "-m", "meeting_pipeline", *words],
        env={**os.environ, **(env or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=240,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)
