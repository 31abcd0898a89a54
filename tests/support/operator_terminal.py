"""An operator at a terminal: types commands in a folder, and everything is written down.

Each command is the real one in a process of its own. It sees the folder's `.env` and nothing of
this machine: no program on PATH (so PyAV does what ffmpeg would), no proxy, no home; only the time
zone of the host is let through, because nothing may depend on it.
"""

import os
import shlex
import sqlite3
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.command import Ended
from tests.support.steady_text import Steady, minutes_later

PATIENCE_S = 120.0
_OF_THE_RUN = ('"call"', '"created_at"', '"updated_at"', '"started_at"', '"finished_at"')
_LET_THROUGH = ("TZ", "PYTHONPATH", "LD_LIBRARY_PATH")


@dataclass
class Operator:
    """desk: the folder where commands are typed. written: by file, in the order of events."""

    desk: Path
    steady: Steady
    written: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def has_settings(self, settings: Mapping[str, str]) -> None:
        """Write `.env`, for this user alone."""
        file = self.desk / ".env"
        file.write_text("".join(f"{name}='{value}'\n" for name, value in settings.items()), "utf-8")
        file.chmod(0o600)

    def types(self, line: str, into: str | None = None, **settings: str) -> None:
        """Run `meeting LINE` and write down what came of it. into: the file, else the command.

        settings: of the environment, for this command alone.
        """
        words = shlex.split(line)
        name = into or (words[0] if words else "meeting")
        transcript = self.transcript(line, self.run(line, settings), settings)
        self.written[f"{name}.txt"].append(transcript)

    def run(self, line: str, settings: Mapping[str, str]) -> Ended:
        """Run `meeting LINE` without writing anything down."""
        ended = subprocess.run(
            [sys.executable, "-m", "meeting_pipeline", *shlex.split(line)],
            env={**self.environment(), **settings},
            cwd=self.desk,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=PATIENCE_S,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def environment(self) -> dict[str, str]:
        """What a command sees beside `.env`."""
        return {
            **{name: os.environ[name] for name in _LET_THROUGH if name in os.environ},
            **{"PATH": "/nowhere", "HOME": str(self.desk), "LANG": "C.UTF-8"},
            **{"COLUMNS": "100", "NO_COLOR": "1", "_TYPER_FORCE_DISABLE_TERMINAL": "1"},
        }

    def transcript(self, line: str, ended: Ended, settings: Mapping[str, str]) -> str:
        """The command, its exit code and what it said."""
        said = "".join(f"{name}={shlex.quote(value)} " for name, value in settings.items())
        command = self.steady.text(f"$ {said}meeting {line}")
        parts = [command, f"exit code {ended.code}"]
        if ended.out:
            parts += ["── standard output", self.steady.output(ended.out).rstrip("\n")]
        if ended.err:
            parts += ["── standard error", self.steady.log(ended.err).rstrip("\n")]
        return "\n".join(parts) + "\n"

    def notes(self, file: str, text: str) -> None:
        """Write down something else."""
        self.written[file].append(self.steady.text(text) + "\n")

    def notes_rows(self, folder: str, database: str = "data/meeting.db") -> None:
        """Write down every row of every table, a file for each table."""
        address = f"file:{self.desk / database}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            for table, columns in _tables(connection):
                order = ", ".join(name for name in columns if name not in _OF_THE_RUN)
                found = connection.execute(f"SELECT * FROM {table} ORDER BY {order}")
                rows = [self._row(dict(row)) for row in found]
                self.written[f"{folder}/{table}.txt"] = rows or ["no rows\n"]

    def _row(self, row: Mapping[str, Any]) -> str:
        return "".join(f"{name}: {self._value(name, row)}\n" for name in row)

    def _value(self, name: str, row: Mapping[str, Any]) -> str:
        value = row[name]
        if name == "call" or (name == "seconds" and "command" in row):
            return "#"
        if name == "next_attempt_at" and value:
            return minutes_later(value, row.get("finished_at") or row["updated_at"])
        if isinstance(value, str) and "\n" in value:
            return self.steady.text("\n  | ".join(["", *value.split("\n")]))
        return self.steady.text(repr(value))

    def notes_files(self, name: str, folder: str = "data") -> None:
        """Write down which files there are, and who may read them."""
        found = sorted((self.desk / folder).rglob("*"))
        lines = [f"{path.stat().st_mode & 0o777:o} {path.relative_to(self.desk)}" for path in found]
        self.notes(name, "\n".join(lines))

    def texts(self) -> dict[str, str]:
        """Everything that was written down, by file."""
        return {name: "\n".join(parts) for name, parts in self.written.items()}


def _tables(connection: sqlite3.Connection) -> Iterator[tuple[str, list[str]]]:
    """Name and columns of each."""
    names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    for (table,) in connection.execute(names).fetchall():
        columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
        yield table, [f'"{column["name"]}"' for column in columns]
