"""Student statistics with names and phases."""

from collections.abc import Sequence

from sqlalchemy import Connection, LargeBinary, cast, func, select

from meeting_pipeline.adapters.db.mapping import storable
from meeting_pipeline.adapters.db.queries import in_written_order
from meeting_pipeline.adapters.db.schema import attendance, recordings, student_stats
from meeting_pipeline.adapters.db.search import persons
from meeting_pipeline.adapters.db.writing import chunks
from meeting_pipeline.domain.device_names import plainness
from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import Role
from meeting_pipeline.domain.views import StatisticsBasis, StudentView


def student_views(connection: Connection, student: str | None) -> tuple[StudentView, ...]:
    """Return the statistics of one student or of all, the latest recording first.

    Args:
        connection: A connection in a transaction.
        student: The id or a name of a student; None for all.
    """
    query = select(student_stats).order_by(
        student_stats.c.last_record_at.desc(), student_stats.c.student_id
    )
    if student is not None:
        named = persons(connection, storable(student))
        query = query.where(student_stats.c.student_id.in_(named))
    views: list[StudentView] = []
    for chunk in chunks(connection.execute(query).mappings().all()):
        students = [row["student_id"] for row in chunk]
        names, phases = _names(connection, students), _phases(connection, students)
        views.extend(
            StudentView(
                student_id=row["student_id"],
                name=names.get(row["student_id"], ""),
                record_cnt=row["record_cnt"],
                total_duration=row["total_duration"],
                last_record_at=row["last_record_at"],
                phases=phases.get(row["student_id"], {}),
            )
            for row in chunk
        )
    return tuple(views)


def statistics_basis(connection: Connection) -> StatisticsBasis:
    """Return the counts that tell why there are no statistics.

    Args:
        connection: A connection in a transaction.
    """
    students = select(func.count()).select_from(attendance).where(attendance.c.role == Role.STUDENT)
    counted = select(
        func.count(), func.count(recordings.c.phase), func.count(recordings.c.participants)
    ).select_from(recordings)
    reason = recordings.c.skip_reason
    skipped = select(reason, func.count()).where(reason.is_not(None)).group_by(reason)
    everything, done, known = connection.execute(counted).one()
    return StatisticsBasis(
        everything,
        done,
        known,
        {row[0]: row[1] for row in connection.execute(skipped.order_by(reason))},
        connection.execute(students).scalar_one(),
    )


def named_students(connection: Connection) -> dict[str, str]:
    """Return a name of every student who attended, by id.

    Args:
        connection: A connection in a transaction.
    """
    query = select(attendance.c.person, func.max(attendance.c.name))
    query = query.where(attendance.c.role == Role.STUDENT).group_by(attendance.c.person)
    return {row[0]: row[1] for row in connection.execute(query)}


def _names(connection: Connection, students: Sequence[str]) -> dict[str, str]:
    """Return each student's name in the latest recording that has a person's name for them.

    The name of a device is taken only where there is no other.
    """
    newest_first = (recordings.c.start_ts.desc(), recordings.c.id.desc())
    same = (attendance.c.person, cast(attendance.c.name, LargeBinary))
    use = func.row_number().over(partition_by=same, order_by=newest_first)
    age = func.row_number().over(partition_by=attendance.c.person, order_by=newest_first)
    names = (
        select(attendance.c.person, attendance.c.name, use.label("use"), age.label("age"))
        .join(recordings, recordings.c.id == attendance.c.recording_id)
        .where(attendance.c.person.in_(students), attendance.c.name != "")
    )
    named = in_written_order(names).subquery()
    query = select(named.c.person, named.c.name, named.c.age).where(named.c.use == 1)
    found: dict[str, list[tuple[int, int, str]]] = {}
    for row in connection.execute(query):
        found.setdefault(row.person, []).append((-plainness(row.name), row.age, row.name))
    return {person: min(ranked)[2] for person, ranked in found.items()}


def _phases(connection: Connection, students: Sequence[str]) -> dict[str, dict[Phase, int]]:
    query = (
        select(attendance.c.person, recordings.c.phase, func.count().label("number"))
        .join(recordings, recordings.c.id == attendance.c.recording_id)
        .where(
            attendance.c.person.in_(students),
            attendance.c.role == Role.STUDENT,
            recordings.c.phase.is_not(None),
        )
        .group_by(attendance.c.person, recordings.c.phase)
    )
    counted: dict[str, dict[Phase, int]] = {}
    for row in connection.execute(in_written_order(query)):
        counted.setdefault(row.person, {})[row.phase] = row.number
    return counted
