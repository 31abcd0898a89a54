"""A whole installation looked through for damage: at a glance, or to be mended."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from shlex import quote

from meeting_pipeline.domain.checks import Check
from meeting_pipeline.domain.damage import Finding, Kind, Verdict
from meeting_pipeline.errors import Stopped
from meeting_pipeline.settings.config import Settings, env_file_risk
from meeting_pipeline.upkeep.repair import folders, premises
from meeting_pipeline.upkeep.repair.survey import mended
from meeting_pipeline.wiring import stores

_SHOW = "`meeting doctor --repair --dry-run` shows each of them"


def repair(settings: Settings, env_file: Path, *, dry_run: bool) -> list[Finding]:
    """Everything that is wrong, and mended where that is safe; dry_run: nothing is written.

    Where the database is damaged or newer than the program, nothing of it is touched. Raises Busy
    while a run is at work, ConfigError or FatalError where there is no database server.
    """
    act: Callable[[Iterable[Finding]], Iterable[Finding]] = iter if dry_run else mended
    found = list(act(premises.data_folder(settings.source.data_dir)))
    if any(finding.is_open for finding in found):
        return found
    with stores.lock(settings, "doctor --repair") as held:
        found += act(premises.keys(env_file, env_file_risk(env_file)))
        found += act(_erasures(settings))
        database = list(act(_database(settings, lambda: False)))
        found += database
        if any(finding.is_open for finding in database):
            return found
        if stores.schema_revision(settings) is None:
            return found + list(act(_without_rows(settings)))
        with stores.raw_database(settings) as rows:
            if held is not None:
                held.guard(rows.engine)
            survey = stores.survey(settings, rows, thorough=True, stopped=lambda: False)
            return found + list(act(survey.findings()))


def glance(settings: Settings, stopped: Callable[[], bool]) -> Check:
    """Whether there is anything to mend, by names and sizes; files are not read.

    Raises what `repair` raises, but Busy; `stopped`: ends it early, saying so.
    """
    if stores.is_at_work(settings):
        return Check("damage", None, "not looked for: a run is at work")
    try:
        found = list(_glanced(settings, stopped))
    except Stopped:
        hint = "`meeting doctor --repair --dry-run` takes its time"
        return Check("damage", None, "too much to look through at a glance", hint)
    broken = [finding for finding in found if finding.kind is Kind.DATABASE]
    if broken:
        return Check("damage", False, broken[0].message, broken[0].action)
    count = Counter(finding.verdict for finding in found)
    wrong = count[Verdict.REPAIR] + count[Verdict.NEEDS_YOU]
    beside = f"left alone: {count[Verdict.LEFT_ALONE]}"
    if wrong:
        return Check("damage", False, f"to mend: {wrong}, {beside}", _SHOW)
    return Check("damage", True, f"files and rows agree by names and sizes; {beside}")


def _glanced(settings: Settings, stopped: Callable[[], bool]) -> Iterator[Finding]:
    yield from _damaged(settings, stopped)
    with stores.raw_database(settings) as rows:
        yield from stores.survey(settings, rows, thorough=False, stopped=stopped).findings()


def _database(settings: Settings, stopped: Callable[[], bool]) -> Iterator[Finding]:
    damaged = list(_damaged(settings, stopped))
    yield from damaged
    if damaged:
        return
    schema = stores.other_schema(settings)
    if schema is None:
        return
    message = f"the database has schema {schema.current}, {schema.needed} is needed"
    if schema.is_known:
        mend, action = partial(stores.upgrade_schema, settings), "meeting db upgrade"
        yield Finding(Kind.SCHEMA_OLD, "schema", Verdict.REPAIR, message, action, mend)
    else:
        action = "install the version of meeting that made it; there is no way back"
        yield Finding(Kind.SCHEMA_NEW, "schema", Verdict.NEEDS_YOU, message, action)


def _damaged(settings: Settings, stopped: Callable[[], bool]) -> Iterator[Finding]:
    if said := stores.file_damage(settings, stopped):
        message = f"the database file is damaged: {said}"
        yield Finding(Kind.DATABASE, "meeting.db", Verdict.NEEDS_YOU, message, _restored(settings))


def _restored(settings: Settings) -> str:
    """How to get a whole database again."""
    data_dir = settings.source.data_dir
    backups = sorted((data_dir / "backups").glob("meeting-*.db"))
    if not backups:
        return "restore meeting.db from a backup of yours; there is none in DATA_DIR/backups"
    backup, database = quote(str(backups[-1])), quote(str(data_dir / "meeting.db"))
    return f"cp {backup} {database} && rm -f {database}-wal {database}-shm; then repair again"


def _erasures(settings: Settings) -> Iterator[Finding]:
    if stores.broken_off_erasures(settings):
        message = "the erasure of a student was begun and not completed"
        action = "give `meeting erase --student ID` again, with the same id: it goes on"
        yield Finding(Kind.ERASURE, "erasing", Verdict.NEEDS_YOU, message, action)


def _without_rows(settings: Settings) -> Iterator[Finding]:
    yield from folders.of_data_folder(settings.source.data_dir)
    yield from folders.unknown_folders(stores.recordings_folder(settings), frozenset())
