"""The store of student statistics, which are always recomputed from rows."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, Select, delete, func, select

from meeting_pipeline.adapters.db.engine import in_transaction, read
from meeting_pipeline.adapters.db.queries import in_written_order
from meeting_pipeline.adapters.db.schema import (
    attendance,
    recordings,
    stale_students,
    student_stats,
)
from meeting_pipeline.adapters.db.writing import chunks, mark_stale, upsert
from meeting_pipeline.domain.model import Role
from meeting_pipeline.ports.rows import StudentStats


class SqlStatsStore:
    """Implementation of `ports.rows.StatsStore`.

    A recording counts for the students who attended it as soon as its result is stored.

    Args:
        engine: The database.
        now: Returns the current time, aware UTC.
    """

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def refresh(self) -> int:
        now = self._now()
        return in_transaction(self._engine, lambda connection: _refresh(connection, now))

    def rebuild(self) -> int:
        now = self._now()

        def work(connection: Connection) -> int:
            mark_stale(connection, _all_students(connection))
            _refresh(connection, now)
            count = select(func.count()).select_from(student_stats)
            return int(connection.execute(count).scalar_one())

        return in_transaction(self._engine, work)

    def differences(self) -> list[tuple[StudentStats | None, StudentStats | None]]:
        def work(connection: Connection) -> list[tuple[StudentStats | None, StudentStats | None]]:
            stored, true = _stored(connection), _recomputed(connection, _counted())
            students = sorted(stored.keys() | true.keys())
            pairs = ((stored.get(student), true.get(student)) for student in students)
            return [pair for pair in pairs if pair[0] != pair[1]]

        return read(self._engine, work)


def _refresh(connection: Connection, now: datetime) -> int:
    """Recompute the statistics of all stale students, and return how many there were.

    A transaction that marks a student meanwhile waits for the lock and marks them after this one.
    """
    query = select(stale_students.c.student_id).order_by(stale_students.c.student_id)
    stale = connection.execute(query.with_for_update()).scalars().all()
    for chunk in chunks(stale):
        _recompute(connection, chunk, now)
    return len(stale)


def _recompute(connection: Connection, students: Sequence[str], now: datetime) -> None:
    theirs = _counted().where(attendance.c.person.in_(students))
    true = _recomputed(connection, in_written_order(theirs))
    gone = [student for student in students if student not in true]
    connection.execute(delete(student_stats).where(student_stats.c.student_id.in_(gone)))
    rows = [{**vars(true[student]), "updated_at": now} for student in sorted(true)]
    upsert(connection, student_stats, rows, ["student_id"])
    connection.execute(delete(stale_students).where(stale_students.c.student_id.in_(students)))


def _counted() -> Select[tuple[str, int, float, datetime]]:
    return (
        select(
            attendance.c.person,
            func.count().label("record_cnt"),
            func.sum(attendance.c.seconds).label("seconds"),
            func.max(recordings.c.start_ts).label("last_record_at"),
        )
        .join(recordings, recordings.c.id == attendance.c.recording_id)
        .where(attendance.c.role == Role.STUDENT, recordings.c.phase.is_not(None))
        .group_by(attendance.c.person)
    )


def _recomputed(
    connection: Connection, query: Select[tuple[str, int, float, datetime]]
) -> dict[str, StudentStats]:
    return {
        row.person: StudentStats(
            row.person, row.record_cnt, _minutes(row.seconds), row.last_record_at
        )
        for row in connection.execute(query)
    }


def _minutes(seconds: float) -> int:
    """Return whole minutes, rounded half up.

    The sum is rounded to milliseconds first, like each of its terms.
    """
    return int((round(seconds, 3) + 30) // 60)


def _stored(connection: Connection) -> dict[str, StudentStats]:
    return {
        row.student_id: StudentStats(
            row.student_id, row.record_cnt, row.total_duration, row.last_record_at
        )
        for row in connection.execute(select(student_stats))
    }


def _all_students(connection: Connection) -> Iterable[str]:
    """Return everyone who attended as a student or has statistics."""
    attended = select(attendance.c.person).where(attendance.c.role == Role.STUDENT)
    students = attended.union(select(student_stats.c.student_id))
    return connection.execute(students).scalars().all()
