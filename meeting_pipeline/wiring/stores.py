"""The composition root: the settings become a pipeline over rows, and nothing else does that."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.db.run_lock import DatabaseRunLock, LockUnsupported
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.domain.lock_holder import LockHolder
from meeting_pipeline.domain.retention import Cutoffs, RetentionRules
from meeting_pipeline.domain.window import parse_moment
from meeting_pipeline.errors import ConfigError, UsageError
from meeting_pipeline.runtime import lock_file
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.storage import files
from meeting_pipeline.upkeep.retention import Retention
from meeting_pipeline.wiring.backends import utc_now

if TYPE_CHECKING:
    from meeting_pipeline.adapters.db.backup import Backup
    from meeting_pipeline.adapters.db.migrate import SchemaStatus
    from meeting_pipeline.domain.views import RecordingDetail
    from meeting_pipeline.upkeep.erasure import Erasure
    from meeting_pipeline.upkeep.repair.survey import Survey

log = logging.getLogger(__name__)


@contextmanager
def lock(settings: Settings, command: str) -> Iterator[DatabaseRunLock | None]:
    """The right to run, here and on the database of several hosts; raises Busy.

    What it gives is for `pipeline`: the lock on the database, None where the file is all there is.
    """
    holder = LockHolder.here(command, utc_now().astimezone(settings.source.zone))
    files.private_folder(settings.source.data_dir)
    with lock_file.run_lock(settings.source.data_dir / "run.lock", holder):
        if not settings.database.host:
            yield None
            return
        held = DatabaseRunLock(settings.database_url, holder)
        try:
            yield held if _taken(held) else None
        finally:
            held.close()


def _taken(held: DatabaseRunLock) -> bool:
    """False where the server has no locks; raises Busy."""
    try:
        is_ours = held.take()
    except LockUnsupported:
        log.warning("this database server has no GET_LOCK: runs on two hosts are not kept apart")
        return False
    if not is_ours:
        raise lock_file.busy(lock_file.wait_for_holder(held.holder))
    return True


@contextmanager
def raw_database(settings: Settings) -> Iterator[Database]:
    """The rows, open while the block runs, whatever schema they have."""
    if not settings.database.host:
        files.private_folder(settings.source.data_dir)
    rows = Database(settings.database_url, settings.source.teacher_whitelist, utc_now)
    try:
        yield rows
    finally:
        rows.close()


@contextmanager
def database(settings: Settings) -> Iterator[Database]:
    """The rows, open while the block runs; an empty database gets its tables.

    Raises ConfigError when the tables are older or newer than the program.
    """
    with raw_database(settings) as rows:
        rows.make_ready()
        yield rows


@contextmanager
def locked_database(settings: Settings, command: str) -> Iterator[Database]:
    """Open the rows under the run lock; no row is written once the lock is lost.

    Args:
        settings: The installation.
        command: What another run is told of the lock holder.

    Raises:
        Busy: A run is at work.
        ConfigError: DATA_DIR cannot be used, or the tables are older or newer than the program.
        FatalError: The database cannot be reached.
    """
    with lock(settings, command) as held, database(settings) as rows:
        if held is not None:
            held.guard(rows.engine)
        yield rows


def schema_status(settings: Settings) -> "SchemaStatus":
    """Which schema the database has, and which one this program needs."""
    from meeting_pipeline.adapters.db import migrate

    with raw_database(settings) as rows:
        return migrate.status(rows.engine)


def upgrade_schema(settings: Settings) -> "SchemaStatus":
    """Bring the tables to what this program needs."""
    from meeting_pipeline.adapters.db import migrate

    with raw_database(settings) as rows:
        return migrate.upgrade(rows.engine)


def schema_sql(dialect: str) -> str:
    """The whole schema as SQL; raises ConfigError for a dialect there is none for."""
    from meeting_pipeline.adapters.db import migrate

    if dialect not in migrate.DIALECTS:
        known = " or ".join(migrate.DIALECTS)
        raise ConfigError("bad_dialect", f"there is no SQL for {dialect!r}", hint=f"say {known}")
    return migrate.dump_sql(dialect)


def is_at_work(settings: Settings) -> bool:
    """Whether a run holds the lock, here or on another host; nobody is refused meanwhile."""
    if lock_file.is_held(settings.source.data_dir / "run.lock"):
        return True
    if not settings.database.host:
        return False
    lock_there = DatabaseRunLock(settings.database_url, LockHolder.here("doctor", utc_now()))
    try:
        return lock_there.is_held()
    finally:
        lock_there.close()


def file_damage(settings: Settings, stopped: Callable[[], bool]) -> str | None:
    """What is wrong with the file of the embedded database; None of a server.

    Raises Stopped once `stopped` says so.
    """
    from meeting_pipeline.adapters.db import embedded

    if settings.database.host:
        return None
    return embedded.damage_of(settings.source.data_dir / "meeting.db", stopped)


def survey(
    settings: Settings, rows: Database, *, thorough: bool, stopped: Callable[[], bool]
) -> "Survey":
    """Return what examines texts and runs."""
    from meeting_pipeline.upkeep.repair.survey import Survey

    return Survey(rows.repair, recordings_folder(settings), thorough, stopped)


def database_checks(settings: Settings) -> list[Check]:
    """Whether the database is fit; an empty one gets its tables first."""
    from meeting_pipeline.adapters.db import health

    with database(settings) as rows:
        return health.examine(rows.engine)


def find(rows: Database, reference: str) -> "RecordingDetail":
    """The recording with this number or record id; raises RecordError("no_such_recording")."""
    number = rows.reading.find(reference)
    detail = rows.reading.show(number) if number is not None else None
    if detail is None:
        raise UsageError(
            "no_such_recording",
            f"there is no recording {reference}",
            hint="`meeting status` lists the numbers",
        )
    return detail


def retention(
    settings: Settings, rows: Database, now: Callable[[], datetime] = utc_now
) -> Retention:
    """What removes the files that the settings no longer keep. now: whose days are counted."""
    return Retention(rows.retention, recordings_folder(settings), _kept_for(settings), now)


def cutoffs(settings: Settings, older_than: str | None) -> Cutoffs:
    """What is due for deletion now, as typed ("30d") or else by the settings.

    Raises ConfigError("bad_time") for what cannot be read.
    """
    now = utc_now()
    if older_than is None:
        return _kept_for(settings).cutoffs(now)
    moment = parse_moment(older_than, now, settings.source.zone)
    return Cutoffs(media=moment, audio=moment, texts=moment)


def _kept_for(settings: Settings) -> RetentionRules:
    return RetentionRules(settings.run.retention_video_days, settings.run.retention_audio_days)


def erasure(settings: Settings, rows: Database) -> "Erasure":
    """What erases a student."""
    from meeting_pipeline.runtime.logs import log_folder
    from meeting_pipeline.upkeep.erasure import Erasure

    data_dir = settings.source.data_dir
    log_dirs = dict.fromkeys([log_folder(data_dir), data_dir / "logs"])
    return Erasure(rows.erasure, rows.stats, data_dir, tuple(log_dirs))


def broken_off_erasures(settings: Settings) -> int:
    """How many students are erased in part only."""
    from meeting_pipeline.upkeep.erasure import broken_off

    return broken_off(settings.source.data_dir)


def back_up(settings: Settings, target: Path) -> "Backup":
    """A copy of the embedded database; raises ConfigError where the rows are on a server."""
    from meeting_pipeline.adapters.db import backup

    database = settings.database
    if database.host:
        login = f"-h {database.host} -P {database.port} -u {database.user} -p {database.name}"
        raise ConfigError(
            "not_embedded",
            "the rows are on a server, whose own tool saves them",
            hint=f"mysqldump --single-transaction --default-character-set=utf8mb4 {login}"
            f" > {target.with_suffix('.sql')}",
        )
    return backup.back_up(settings.source.data_dir / "meeting.db", target)


def recordings_folder(settings: Settings) -> Path:
    """Where each recording has a folder of its own."""
    return settings.source.data_dir / "recordings"
