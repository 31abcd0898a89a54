"""Backups of the embedded database, also while other processes write to it."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from meeting_pipeline.domain.views import Backup
from meeting_pipeline.errors import ConfigError, FatalError, UsageError
from meeting_pipeline.storage.files import create, publish

_MAGIC = b"SQLite format 3\0"


def back_up(database: Path, target: Path) -> Backup:
    """Copy a database to a file that only its owner can read, replacing an older backup.

    The copy is a snapshot of the database in one file, whatever is written meanwhile. If the
    process is killed, `target` is unchanged.

    Args:
        database: The embedded database.
        target: The file to create or replace.

    Raises:
        ConfigError: "no_database" when the database does not exist.
        UsageError: "not_a_backup" when `target` exists and is anything but a backup.
        FatalError: "backup_failed" when the copy cannot be written or is damaged.
    """
    _refuse_anything_else(database, target)
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with create(part):
            pass  # readable only by its owner before any data is in it
        recordings = _copy(database, part)
        publish(part, target)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error)
        raise FatalError(
            "backup_failed",
            f"the backup {target} cannot be written: {reason}",
            hint="check that the folder is writable and has free space",
        ) from error
    return Backup(target, target.stat().st_size, recordings)


def _refuse_anything_else(database: Path, target: Path) -> None:
    if not database.is_file():
        raise ConfigError(
            "no_database",
            f"the database {database} does not exist yet",
            hint="check DATA_DIR; the first run creates the database",
        )
    if target.is_dir():
        raise UsageError("not_a_backup", f"{target} is a folder", hint="give a file name in it")
    if not target.exists():
        return
    with target.open("rb") as stream:
        is_database = stream.read(len(_MAGIC)) == _MAGIC
    if not is_database or database.samefile(target):
        raise UsageError("not_a_backup", f"{target} is not a backup", hint="give another file name")


def _copy(database: Path, part: Path) -> int:
    """Copy and check the database, and return the number of recordings in the copy."""
    with (
        closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(part)) as copy,
    ):
        live.backup(copy)  # in one step: smaller ones would start again at every write
        copy.execute("PRAGMA journal_mode=DELETE")  # one file that needs no journal beside it
        [verdict] = copy.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged: {verdict}")
        [recordings] = copy.execute("SELECT COUNT(*) FROM recordings").fetchone()
        return int(recordings)
