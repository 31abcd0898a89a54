"""Which recordings a run shall work on, found by index, however many are finished."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from meeting_pipeline.adapters.db.queries import ids_by_start
from meeting_pipeline.adapters.db.schema import recordings, stage_ledger
from meeting_pipeline.domain.stages import LONGEST_BACK_OFF, RecordStatus, StageStatus
from meeting_pipeline.domain.window import Window

_start, _status = recordings.c.start_ts, recordings.c.status


def due_ids(
    connection: Connection,
    now: datetime,
    window: Window | None,
    made_with: str | None,
    limit: int | None,
) -> list[int]:
    """Our numbers of what can be worked on at `now`, oldest start first.

    made_with: what finished in the window with other settings is due too; None leaves that out.
    """
    ways = unfinished(now)
    if window is not None and made_with is not None:
        ways.append(_out_of_date(made_with))
    queries = (select(_start, recordings.c.id).where(way, *_within(window)) for way in ways)
    return ids_by_start(connection, queries, limit)


def is_ready(now: datetime) -> ColumnElement[bool]:
    """To be begun, or to be tried again by now; what another run left unfinished is not seen."""
    return or_(_status == RecordStatus.PENDING, _time_has_come(now))


def unfinished(now: datetime) -> list[ColumnElement[bool]]:
    """The ways to be unfinished with the time come, each of them one index read."""
    return [_status == RecordStatus.PENDING, _time_has_come(now), _left_running()]


def crashes(connection: Connection) -> dict[int, int]:
    """What is running now or was when a run was killed: our number → starts of the stage."""
    starts = func.max(stage_ledger.c.attempts).label("starts")
    running = stage_ledger.c.status == StageStatus.RUNNING
    query = select(stage_ledger.c.recording_id, starts).where(running)
    rows = connection.execute(query.group_by(stage_ledger.c.recording_id))
    return {row.recording_id: row.starts for row in rows}


def _time_has_come(now: datetime) -> ColumnElement[bool]:
    """Also where it is further ahead than any back-off: that was said by a wrong clock."""
    time, latest = recordings.c.next_attempt_at, now + LONGEST_BACK_OFF
    is_over = or_(time.is_(None), time <= now, time > latest)
    return and_(_status == RecordStatus.FAILED, is_over)


def _left_running() -> ColumnElement[bool]:
    """A run that was killed leaves its stages running; runs never overlap."""
    running = select(stage_ledger.c.recording_id)
    return recordings.c.id.in_(running.where(stage_ledger.c.status == StageStatus.RUNNING))


def _out_of_date(made_with: str) -> ColumnElement[bool]:
    """Also what a stage skipped: with other settings it may be for us."""
    ended = _status.in_([RecordStatus.DONE, RecordStatus.SKIPPED])
    return and_(ended, recordings.c.made_with != made_with)


def _within(window: Window | None) -> list[ColumnElement[bool]]:
    return [] if window is None else [_start >= window.start, _start < window.end]
