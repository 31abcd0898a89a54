"""Which recordings people ask for, found by index, however many there are."""

from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, LargeBinary, Select, cast, or_, select, true

from meeting_pipeline.adapters.db import due
from meeting_pipeline.adapters.db.mapping import storable
from meeting_pipeline.adapters.db.queries import ids_by_start, in_written_order
from meeting_pipeline.adapters.db.schema import attendance, recordings
from meeting_pipeline.domain.model import Role
from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.domain.views import RecordingFilter

_start, _number, _status = recordings.c.start_ts, recordings.c.id, recordings.c.status


def matching_ids(connection: Connection, wanted: RecordingFilter, now: datetime) -> list[int]:
    """Our numbers of the recordings that match, newest start first, at most `wanted.limit`."""
    query: Select[tuple[datetime, int]] = select(_start, _number)
    if wanted.student is not None:
        query = _of_student(_persons(connection, storable(wanted.student)))
    narrowed = query.where(*_narrowing(wanted))
    queries = (narrowed.where(state) for state in _states(wanted, now))
    return ids_by_start(connection, queries, wanted.limit, newest_first=True)


def _states(wanted: RecordingFilter, now: datetime) -> Iterator[ColumnElement[bool]]:
    """Any of these will do."""
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
    if wanted.after is not None:
        start, number = wanted.after
        yield _start <= start  # where an index can begin, which an OR alone does not tell
        yield or_(_start < start, _number < number)


def _of_student(persons: Collection[str]) -> Select[tuple[datetime, int]]:
    """Where one of these persons was a student; it is few, so it is where the search begins."""
    query = select(_start, _number).distinct().select_from(attendance)
    query = query.join(recordings, _number == attendance.c.recording_id)
    query = query.where(attendance.c.role == Role.STUDENT, attendance.c.person.in_(persons))
    return in_written_order(query)


def _persons(connection: Connection, student: str) -> list[str]:
    """Who is meant: the person of this id, and whoever was called so as a student."""
    if not student:
        return []
    name = attendance.c.name
    exactly = cast(name, LargeBinary) == student.encode()  # every emoji is the same letter there
    query = select(attendance.c.person).distinct()
    query = query.where(name == student, exactly, attendance.c.role == Role.STUDENT)
    return sorted({student, *connection.execute(query).scalars()})
