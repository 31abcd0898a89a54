"""A copy of the embedded database, taken while others write to it."""

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from meeting_pipeline.errors import ConfigError, FatalError, UsageError
from meeting_pipeline.storage.files import create, publish

_MAGIC = b"SQLite format 3\0"


@dataclass(frozen=True)
class Backup:
    """A backup that has been read again and found whole."""

    path: Path
    size_bytes: int
    recordings: int


def back_up(database: Path, target: Path) -> Backup:
    """Copy `database` to `target`, for its owner only; an older backup there is replaced.

    The copy is the database of one instant, in one file, whatever is written meanwhile. Killed at
    any point, `target` is what it was before. Raises ConfigError("no_database"),
    UsageError("not_a_backup") where `target` is something else, FatalError("backup_failed").
    """
    _refuse_anything_else(database, target)
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with create(part):
            pass  # for its owner only, before anything is in it
        recordings = _copy(database, part)
        publish(part, target)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        said = getattr(error, "strerror", None) or str(error)
        raise FatalError(
            "backup_failed",
            f"{target} cannot be made: {said}",
            hint="see whether the folder may be written to and has room",
        ) from error
    return Backup(target, target.stat().st_size, recordings)


def _refuse_anything_else(database: Path, target: Path) -> None:
    if not database.is_file():
        raise ConfigError("no_database", f"there is no database {database} yet")
    if target.is_dir():
        raise UsageError("not_a_backup", f"{target} is a folder", hint="name a file in it")
    if not target.exists():
        return
    with target.open("rb") as stream:
        is_database = stream.read(len(_MAGIC)) == _MAGIC
    if not is_database or database.samefile(target):
        raise UsageError("not_a_backup", f"{target} is no backup", hint="name another file")


def _copy(database: Path, part: Path) -> int:
    """Returns how many recordings are in the copy."""
    with (
        closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(part)) as copy,
    ):
        live.backup(copy)  # one step: a writer would make smaller ones begin again and again
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, whole without its neighbours
        [verdict] = copy.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged: {verdict}")
        [recordings] = copy.execute("SELECT COUNT(*) FROM recordings").fetchone()
        return int(recordings)
