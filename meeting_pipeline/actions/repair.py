"""The search of a whole installation for damage, and its repair."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from shlex import quote

from meeting_pipeline.domain.checks import Check
from meeting_pipeline.domain.damage import Finding, Kind
from meeting_pipeline.errors import Stopped
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.settings.env_file import env_file_risk
from meeting_pipeline.upkeep.erasure import interrupted_erasures
from meeting_pipeline.upkeep.repair import modes
from meeting_pipeline.upkeep.repair.survey import Survey, repaired
from meeting_pipeline.wiring import schema, stores

_SHOW = "逐项查看 `meeting doctor --repair --dry-run` shows each of them"


def repair(settings: Settings, env_file: Path, *, dry_run: bool) -> list[Finding]:
    """Find all damage and repair it where that is safe.

    A database that is damaged or newer than the program is not touched.

    Args:
        settings: The installation.
        env_file: The file with the settings.
        dry_run: Whether to find only and repair nothing.

    Raises:
        Busy: A run is at work.
        ConfigError: DATA_DIR cannot be used, or the database is missing or newer than the program.
        FatalError: The database server cannot be reached.
    """
    act: Callable[[Iterable[Finding]], Iterable[Finding]] = iter if dry_run else repaired
    data_dir, recordings = settings.source.data_dir, stores.recordings_folder(settings)
    found = list(act(modes.of_data_folder(data_dir)))
    if not os.path.lexists(data_dir):  # no run has made anything here, and neither does a search
        return list(act(modes.of_keys(env_file, env_file_risk(env_file))))
    if not all(finding.is_repaired for finding in found):
        return found
    with stores.lock(settings, "doctor --repair") as held:
        found += act(modes.of_keys(env_file, env_file_risk(env_file)))
        found += act(modes.of_installation(data_dir))
        found += act(_erasures(settings))
        is_there = os.access(data_dir / "meeting.db", os.R_OK | os.W_OK)
        if not (is_there or settings.database.host):
            return found  # the next run makes it, or we may not read it, which was found above
        if damaged := _damaged(settings, lambda: False):
            return [*found, damaged]
        old_schema = list(act(_old_schema(settings)))
        found += old_schema
        if not all(finding.is_repaired for finding in old_schema):
            return found
        with stores.database(settings) as rows:
            if held is not None:
                held.guard(rows.engine)
            survey = Survey(rows.repair, recordings, thorough=True, stopped=lambda: False)
            return found + list(act(survey.findings()))


def glance(settings: Settings, stopped: Callable[[], bool]) -> Check:
    """Return whether there is anything to repair, by names and sizes; files are not read.

    Args:
        settings: The installation.
        stopped: Asked from time to time whether to end early, which the check then says.

    Raises:
        MeetingError: What `repair` raises, except Busy.
    """
    if stores.is_at_work(settings):
        message = "没有检查 not searched for: 正在运行 a run is at work"
        return Check.not_made("damage", message, "运行结束后再试 try again when it has ended")
    if stores.missing_database(settings):
        return Check("damage", True, "还没有录制 there are no recordings yet")
    try:
        if damaged := _damaged(settings, stopped):
            return Check("damage", False, damaged.message, damaged.action)
        recordings = stores.recordings_folder(settings)
        wrong = len(list(modes.of_installation(settings.source.data_dir)))
        with stores.raw_database(settings) as rows:
            survey = Survey(rows.repair, recordings, thorough=False, stopped=stopped)
            wrong += len(list(survey.findings()))
    except Stopped:
        hint = "不限时查找 `meeting doctor --repair --dry-run` searches without a time limit"
        message = "没有查完 not all searched: 数据太多 there is too much for a quick check"
        return Check.not_made("damage", message, hint)
    if wrong:
        return Check("damage", False, f"待修复 to repair: {wrong}", _SHOW)
    return Check("damage", True, "文件与数据一致 files and rows agree by names and sizes")


def _old_schema(settings: Settings) -> Iterator[Finding]:
    found = schema.status(settings)
    if found.current and found.is_known and not found.is_current:
        message = f"the database has schema {found.current}, {found.needed} is needed"
        upgrade = partial(schema.upgrade, settings)
        yield Finding(Kind.SCHEMA_OLD, "schema", message, "meeting db upgrade", upgrade)


def _damaged(settings: Settings, stopped: Callable[[], bool]) -> Finding | None:
    damage = stores.file_damage(settings, stopped)
    if damage is None:
        return None
    message = f"the database file is damaged: {damage}"
    return Finding(Kind.DATABASE_DAMAGED, "meeting.db", message, _restored(settings))


def _restored(settings: Settings) -> str:
    """Return the command that restores the database from its newest backup."""
    data_dir = settings.source.data_dir
    backups = sorted((data_dir / "backups").glob("meeting-*.db"))
    if not backups:
        return "restore meeting.db from a backup of your own; DATA_DIR/backups has none"
    backup, database = quote(str(backups[-1])), quote(str(data_dir / "meeting.db"))
    return f"cp {backup} {database} && rm -f {database}-wal {database}-shm; then repair again"


def _erasures(settings: Settings) -> Iterator[Finding]:
    if interrupted_erasures(settings.source.data_dir):
        message = "the erasure of a student was not completed"
        action = "run `meeting erase --student ID` again with the same id; it completes the erasure"
        yield Finding(Kind.REMOVAL_BROKEN_OFF, "erasing", message, action)
