"""Backups of the embedded database, also while other processes write to it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from meeting_pipeline.domain.views import Backup
from meeting_pipeline.errors import ConfigError, FatalError, UsageError
from meeting_pipeline.storage.operator_files import opened_regular, replacing

_MAGIC = b"SQLite format 3\0"
_APPLICATION_ID = 0x6D746762  # "mtgb": in the header of our backups and of no database in use
_ID_AT = slice(68, 72)
_HEADER_BYTES = 100


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
    _require_database(database)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(target, lambda: _refuse_anything_else(database, target)) as (part, _):
            recordings = _copy(database, part)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FatalError(
            "backup_failed",
            f"the backup {target} cannot be written: {reason}",
            hint="check that the folder is writable and has free space",
        ) from error
    return Backup(target, target.stat().st_size, recordings)


def _require_database(database: Path) -> None:
    if not database.is_file():
        raise ConfigError(
            "no_database",
            f"the database {database} does not exist yet",
            hint="check DATA_DIR; the first run creates the database",
        )


def _refuse_anything_else(database: Path, target: Path) -> None:
    if target.is_dir():
        raise UsageError("not_a_backup", f"{target} is a folder", hint="give a file name in it")
    try:
        with opened_regular(target) as stream:
            header = b"" if stream is None else stream.read(_HEADER_BYTES)
    except FileNotFoundError:
        return
    is_ours = header[_ID_AT] == _APPLICATION_ID.to_bytes(4, "big")
    is_backup = header.startswith(_MAGIC) and is_ours and _has_our_tables(target)
    if not is_backup or _is_in_use(database, target):
        raise UsageError("not_a_backup", f"{target} is not a backup", hint="give another file name")


def _is_in_use(database: Path, target: Path) -> bool:
    """Return whether a backup was restored: it is this database, or that of an installation."""
    is_installed = target.name == database.name and (target.parent / "run.lock").exists()
    return is_installed or Path(f"{target}-wal").exists() or database.samefile(target)


def _has_our_tables(backup: Path) -> bool:
    address = f"{backup.absolute().as_uri()}?mode=ro&immutable=1"
    query = "SELECT COUNT(*) FROM sqlite_master WHERE name IN ('recordings', 'stage_ledger')"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            return bool(connection.execute(query).fetchone() == (2,))
    except sqlite3.DatabaseError:
        return False


def _copy(database: Path, part: Path) -> int:
    """Copy and check the database, and return the number of recordings in the copy."""
    with (
        closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(part)) as copy,
    ):
        live.backup(copy)  # in one step: smaller ones would start again at every write
        copy.execute("PRAGMA journal_mode=DELETE")  # one file that needs no journal beside it
        copy.execute(f"PRAGMA application_id={_APPLICATION_ID}")
        [verdict] = copy.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged: {verdict}")
        [recordings] = copy.execute("SELECT COUNT(*) FROM recordings").fetchone()
        return int(recordings)
