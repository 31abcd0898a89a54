"""Search for recordings by filter.

It uses indexes, so its cost does not grow with the number of recordings.
"""

from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Select,
    cast,
    func,
    select,
    true,
    union,
)

from meeting_pipeline.adapters.db import due
from meeting_pipeline.adapters.db.mapping import storable
from meeting_pipeline.adapters.db.queries import ids_by_start, in_written_order
from meeting_pipeline.adapters.db.schema import attendance, recordings
from meeting_pipeline.domain.model import Role
from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.domain.views import RecordingFilter

_start, _number, _status = recordings.c.start_ts, recordings.c.id, recordings.c.status


def matching_ids(connection: Connection, wanted: RecordingFilter, now: datetime) -> list[int]:
    """Return our numbers of the recordings that match, the newest start first.

    Args:
        connection: A connection in a transaction.
        wanted: What to select, and the maximum number.
        now: The current time, aware UTC, which decides what is due.
    """
    queries = _queries(connection, wanted, now)
    return ids_by_start(connection, queries, wanted.limit, newest_first=True)


def matching_count(connection: Connection, wanted: RecordingFilter, now: datetime) -> int:
    """Return how many recordings match, whatever the maximum number is.

    Args:
        connection: A connection in a transaction.
        wanted: What to select.
        now: As for `matching_ids`.
    """
    matching = union(*_queries(connection, wanted, now)).subquery()
    return int(connection.execute(select(func.count()).select_from(matching)).scalar_one())


def _queries(
    connection: Connection, wanted: RecordingFilter, now: datetime
) -> list[Select[tuple[datetime, int]]]:
    """Return queries of which each recording that matches is in one."""
    query: Select[tuple[datetime, int]] = select(_start, _number)
    if wanted.student is not None:
        query = _of_student(persons(connection, storable(wanted.student)))
    narrowed = query.where(*_narrowing(wanted))
    return [narrowed.where(state) for state in _states(wanted, now)]


def _states(wanted: RecordingFilter, now: datetime) -> Iterator[ColumnElement[bool]]:
    """Yield conditions on the status, of which one must hold."""
    if wanted.failed:
        yield _status == RecordStatus.FAILED
        yield _status == RecordStatus.DEAD
    if wanted.due:
        yield from due.unfinished(now)
    if not (wanted.failed or wanted.due):
        yield true()


def _narrowing(wanted: RecordingFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.since is not None:
        yield _start >= wanted.since
    if wanted.until is not None:
        yield _start < wanted.until
    if wanted.phase is not None:
        yield recordings.c.phase == wanted.phase


def _of_student(students: Collection[str]) -> Select[tuple[datetime, int]]:
    """Return the query for the recordings of these students; they are few, so it starts there."""
    query = select(_start, _number).distinct().select_from(attendance)
    query = query.join(recordings, _number == attendance.c.recording_id)
    query = query.where(attendance.c.role == Role.STUDENT, attendance.c.person.in_(students))
    return in_written_order(query)


def persons(connection: Connection, student: str) -> list[str]:
    """Return the people that a text refers to: by id, or by their name as a student.

    Args:
        connection: A connection in a transaction.
        student: An id or a name, as rows can hold it.
    """
    if not student:
        return []
    name = attendance.c.name
    exactly = cast(name, LargeBinary) == student.encode()  # the collation treats all emoji as equal
    query = select(attendance.c.person).distinct()
    query = query.where(name == student, exactly, attendance.c.role == Role.STUDENT)
    return sorted({student, *connection.execute(query).scalars()})
