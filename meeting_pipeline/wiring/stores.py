"""The rows, the run lock and what is built on them, made from the settings."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from meeting_pipeline.adapters.db import backup, embedded
from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.db.run_lock import DatabaseRunLock, LockUnsupported
from meeting_pipeline.domain.lock_holder import LockHolder
from meeting_pipeline.domain.retention import RetentionRules
from meeting_pipeline.domain.views import Backup
from meeting_pipeline.runtime import lock_file
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.storage import files
from meeting_pipeline.upkeep.retention import Retention
from meeting_pipeline.wiring.backends import utc_now

log = logging.getLogger(__name__)


# ── the run lock ─────────────────────────────────────────────────────────────────────────────────


@contextmanager
def lock(settings: Settings, command: str) -> Iterator[DatabaseRunLock | None]:
    """Hold the run lock of this installation, and of the database where several hosts share one.

    Args:
        settings: The installation.
        command: The command that other runs are told is the lock holder.

    Yields:
        The lock on the database, which guards the engines that write under it; None where the lock
        file is the only lock.

    Raises:
        Busy: A run is at work.
        ConfigError: DATA_DIR cannot be used.
        FatalError: The database cannot be reached.
    """
    holder = LockHolder.here(command, utc_now().astimezone(settings.source.zone))
    files.private_folder(settings.source.data_dir)
    with lock_file.run_lock(_lock_file(settings), holder):
        if not settings.database.host:
            yield None
            return
        held = DatabaseRunLock(settings.database_url, holder)
        try:
            yield held if _taken(held) else None
        finally:
            held.close()


def is_at_work(settings: Settings) -> bool:
    """Return whether a run holds the lock, here or on another host, without taking it."""
    if lock_file.is_held(_lock_file(settings)):
        return True
    if not settings.database.host:
        return False
    database_lock = DatabaseRunLock(settings.database_url, LockHolder.here("doctor", utc_now()))
    try:
        return database_lock.is_held()
    finally:
        database_lock.close()


def _lock_file(settings: Settings) -> Path:
    return settings.source.data_dir / "run.lock"


def _taken(held: DatabaseRunLock) -> bool:
    """Take the lock; return False where the server has no locks, raise Busy where it is held."""
    try:
        is_ours = held.take()
    except LockUnsupported:
        log.warning("this database server has no GET_LOCK: runs on two hosts are not kept apart")
        return False
    if not is_ours:
        raise lock_file.busy(lock_file.wait_for_holder(held.holder))
    return True


# ── the rows ─────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def raw_database(settings: Settings) -> Iterator[Database]:
    """Open the rows while the block runs, whatever schema they have."""
    if not settings.database.host:
        files.private_folder(settings.source.data_dir)
    rows = Database(settings.database_url, settings.source.teacher_whitelist, utc_now)
    try:
        yield rows
    finally:
        rows.close()


@contextmanager
def database(settings: Settings) -> Iterator[Database]:
    """Open the rows while the block runs; an empty database gets its tables.

    Raises:
        ConfigError: The tables are older or newer than the program.
        FatalError: The database cannot be reached.
    """
    with raw_database(settings) as rows:
        rows.make_ready()
        yield rows


@contextmanager
def stored(settings: Settings) -> Iterator[Database]:
    """Open the rows to read them; where there are none yet, nothing is created for it.

    Raises:
        ConfigError: The tables are older or newer than the program.
        FatalError: The database cannot be reached.
    """
    if (missing := missing_database(settings)) is None:
        with database(settings) as rows:
            yield rows
        return
    if settings.source.data_dir.exists():
        files.private_folder(settings.source.data_dir)
    log.warning("还没有数据库 there is no database yet: %s", missing.absolute())
    with TemporaryDirectory(prefix="meeting-") as folder:
        rows = Database(
            f"sqlite:///{quote(folder)}/empty.db", settings.source.teacher_whitelist, utc_now
        )
        try:
            rows.make_ready()
            yield rows
        finally:
            rows.close()


def missing_database(settings: Settings) -> Path | None:
    """Return the file of the embedded database if it is in use and not there, else None."""
    file = _database_file(settings)
    return None if settings.database.host or os.path.lexists(file) else file


@contextmanager
def planning(settings: Settings, command: str) -> Iterator[Database]:
    """Open the rows under the run lock for a plan, or without rows as `stored` does.

    Args:
        settings: The installation.
        command: The command that other runs are told is the lock holder.

    Raises:
        Busy: A run is at work.
        ConfigError: The tables are older or newer than the program.
        FatalError: The database cannot be reached.
    """
    is_there = missing_database(settings) is None and settings.source.data_dir.exists()
    with locked_database(settings, command) if is_there else stored(settings) as rows:
        yield rows


@contextmanager
def locked_database(settings: Settings, command: str) -> Iterator[Database]:
    """Open the rows under the run lock; no row is written once the lock is lost.

    Args:
        settings: The installation.
        command: The command that other runs are told is the lock holder.

    Raises:
        Busy: A run is at work.
        ConfigError: DATA_DIR cannot be used, or the tables are older or newer than the program.
        FatalError: The database cannot be reached.
    """
    with lock(settings, command) as held, database(settings) as rows:
        if held is not None:
            held.guard(rows.engine)
        yield rows


def retention(
    settings: Settings, rows: Database, now: Callable[[], datetime] = utc_now
) -> Retention:
    """Return what removes the files that the settings no longer keep.

    Args:
        settings: The installation.
        rows: Its rows.
        now: The clock that ages are counted by, aware UTC.
    """
    rules = RetentionRules(settings.run.retention_video_days, settings.run.retention_audio_days)
    return Retention(rows.retention, recordings_folder(settings), rules, now)


def recordings_folder(settings: Settings) -> Path:
    """Return the folder in which each recording has a folder of its own."""
    return settings.source.data_dir / "recordings"


# ── the file of the embedded database ────────────────────────────────────────────────────────────


def file_damage(settings: Settings, stopped: Callable[[], bool]) -> str | None:
    """Return what is wrong with the file of the embedded database; None where nothing is.

    Args:
        settings: The installation; a server has no file of ours.
        stopped: Asked from time to time whether to end early.

    Raises:
        Stopped: `stopped` returned True.
    """
    if settings.database.host:
        return None
    return embedded.damage_of(_database_file(settings), stopped)


def back_up(settings: Settings, target: Path) -> Backup:
    """Copy the embedded database to `target` and read the copy back.

    Raises:
        ConfigError: ("no_database") when there is none.
        UsageError: ("not_a_backup") when the target is something else.
        FatalError: ("backup_failed") when the copy cannot be written or is not whole.
    """
    return backup.back_up(_database_file(settings), target)


def _database_file(settings: Settings) -> Path:
    return settings.source.data_dir / "meeting.db"
