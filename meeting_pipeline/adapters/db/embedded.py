"""The file of the embedded database, looked at without changing a byte of it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from meeting_pipeline.errors import Stopped

_STEPS = 100_000  # of SQLite's machine, until `stopped` is asked again
_BUSY_S = 10.0


def damage_of(database: Path, stopped: Callable[[], bool]) -> str | None:
    """What is wrong with the file, None where it is whole or not there; every page is read.

    Raises Stopped once `stopped` says so.
    """
    if not database.is_file():
        return None
    return _looked_through(database, stopped) and _looked_through(database, stopped)


def _looked_through(database: Path, stopped: Callable[[], bool]) -> str | None:
    """What is wrong; once only, it may be that another command has written meanwhile."""
    try:
        with closing(_opened(database)) as connection:
            connection.set_progress_handler(lambda: int(stopped()), _STEPS)
            [said] = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise Stopped("stopped", f"{database} was not looked through to its end") from error
        return str(error)
    return None if said == "ok" else " ".join(said.split())


def _opened(database: Path) -> sqlite3.Connection:
    """A reader; where no journal is, one that makes none either."""
    journal = database.with_name(f"{database.name}-wal")
    has_journal = journal.exists() and journal.stat().st_size > 0
    how = "mode=ro" if has_journal else "mode=ro&immutable=1"
    return sqlite3.connect(f"{database.absolute().as_uri()}?{how}", _BUSY_S, uri=True)
