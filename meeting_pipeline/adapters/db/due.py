"""Queries for the recordings that a run has to process.

They use indexes, so their cost does not grow with the number of finished recordings.
"""

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
    """Return our numbers of the recordings that are due, the oldest start first.

    Args:
        connection: A connection in a transaction.
        now: The current time, aware UTC.
        window: Only recordings that start in it; None for all.
        made_with: Recordings in the window that ended with other settings than these are due as
            well; None leaves them out.
        limit: Maximum number of recordings; None for all.
    """
    ways = unfinished(now)
    if window is not None and made_with is not None:
        ways.append(_out_of_date(made_with))
    queries = (select(_start, recordings.c.id).where(way, *_within(window)) for way in ways)
    return ids_by_start(connection, queries, limit)


def is_ready(now: datetime) -> ColumnElement[bool]:
    """Return the condition for a recording that can be started or retried now.

    It does not include recordings that an interrupted run left running.
    """
    return or_(_status == RecordStatus.PENDING, _is_time_to_retry(now))


def unfinished(now: datetime) -> list[ColumnElement[bool]]:
    """Return the conditions under which a recording is unfinished and due, one index each."""
    return [_status == RecordStatus.PENDING, _is_time_to_retry(now), _left_running()]


def crashes(connection: Connection) -> dict[int, int]:
    """Return the recordings with a stage that is running, or was when a run was killed.

    Returns:
        How often that stage has been started, by our number of the recording.
    """
    starts = func.max(stage_ledger.c.attempts).label("starts")
    running = stage_ledger.c.status == StageStatus.RUNNING
    query = select(stage_ledger.c.recording_id, starts).where(running)
    rows = connection.execute(query.group_by(stage_ledger.c.recording_id))
    return {row.recording_id: row.starts for row in rows}


def _is_time_to_retry(now: datetime) -> ColumnElement[bool]:
    """Return the condition for a failed recording that can be retried now.

    A time further ahead than any back-off was written under a wrong clock and is ignored.
    """
    time, latest = recordings.c.next_attempt_at, now + LONGEST_BACK_OFF
    is_over = or_(time.is_(None), time <= now, time > latest)
    return and_(_status == RecordStatus.FAILED, is_over)


def _left_running() -> ColumnElement[bool]:
    """Return the condition for a recording that a killed run left running; runs never overlap."""
    running = select(stage_ledger.c.recording_id)
    return recordings.c.id.in_(running.where(stage_ledger.c.status == StageStatus.RUNNING))


def _out_of_date(made_with: str) -> ColumnElement[bool]:
    """Return the condition for a recording that ended with other settings.

    This includes recordings that a stage skipped: with these settings it may process them.
    """
    ended = _status.in_([RecordStatus.DONE, RecordStatus.SKIPPED])
    return and_(ended, recordings.c.made_with != made_with)


def _within(window: Window | None) -> list[ColumnElement[bool]]:
    return [] if window is None else [_start >= window.start, _start < window.end]
