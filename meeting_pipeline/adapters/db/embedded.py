"""Integrity check of the embedded database's file, without changing it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from meeting_pipeline.errors import Stopped

_STEPS = 100_000  # instructions of SQLite's virtual machine between two calls of `stopped`
_BUSY_S = 10.0


def damage_of(database: Path, stopped: Callable[[], bool]) -> str | None:
    """Read every page of the database file and return what is damaged.

    Args:
        database: The file.
        stopped: Called often; the check ends when it returns True.

    Returns:
        SQLite's description of the damage; None if the file is intact or does not exist.

    Raises:
        Stopped: `stopped` returned True.
    """
    if not database.is_file():
        return None
    # checked twice: a command that writes meanwhile can look like damage, but not both times
    return _check(database, stopped) and _check(database, stopped)


def _check(database: Path, stopped: Callable[[], bool]) -> str | None:
    try:
        with closing(_opened(database)) as connection:
            connection.set_progress_handler(lambda: int(stopped()), _STEPS)
            [result] = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise Stopped("stopped", f"the check of {database} was interrupted") from error
        return str(error)
    return None if result == "ok" else " ".join(result.split())


def _opened(database: Path) -> sqlite3.Connection:
    """Open the database read-only; where there is no journal, without creating one."""
    journal = database.with_name(f"{database.name}-wal")
    has_journal = journal.exists() and journal.stat().st_size > 0
    how = "mode=ro" if has_journal else "mode=ro&immutable=1"
    return sqlite3.connect(f"{database.absolute().as_uri()}?{how}", _BUSY_S, uri=True)
