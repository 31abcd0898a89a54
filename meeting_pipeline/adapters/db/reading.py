"""Read-only views of the rows, for `status`, `show`, `why` and `stats`."""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, Engine, RowMapping, func, select

from meeting_pipeline.adapters.db import ledger, results, search, versions
from meeting_pipeline.adapters.db.engine import read
from meeting_pipeline.adapters.db.mapping import attendance_of_row, columns_of
from meeting_pipeline.adapters.db.schema import attendance, recordings, runs, usage
from meeting_pipeline.adapters.db.student_views import (
    named_students,
    statistics_basis,
    student_views,
)
from meeting_pipeline.adapters.db.writing import chunks
from meeting_pipeline.domain.model import Usage
from meeting_pipeline.domain.stages import LedgerEntry, RecordStatus, StageName
from meeting_pipeline.domain.students import Attendance
from meeting_pipeline.domain.views import (
    RecordingDetail,
    RecordingFilter,
    RecordingView,
    RunView,
    StatisticsBasis,
    StudentView,
)
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import RecordError

_MAX_DIGITS = 18  # of our own numbers: a longer one is a source's record id
_VIEWED = (
    *(recordings.c[name] for name in columns_of(RecordingView, "participants_known", "stages")),
    recordings.c.participants.is_not(None).label("participants_known"),
)
_RUN = tuple(runs.c[name] for name in columns_of(RunView, "window"))


class SqlViewReader:
    """Reader of views of what is stored.

    Args:
        engine: The database.
        now: Returns the current time, aware UTC.
    """

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def recordings(self, wanted: RecordingFilter) -> tuple[RecordingView, ...]:
        """Return the recordings that match, the newest start first."""
        now = self._now()

        def work(connection: Connection) -> tuple[RecordingView, ...]:
            numbers = search.matching_ids(connection, wanted, now)
            return tuple(view for chunk in chunks(numbers) for view in _views(connection, chunk))

        return read(self._engine, work)

    def count(self, wanted: RecordingFilter) -> int:
        """Return how many recordings match, also beyond `wanted.limit`."""
        now = self._now()
        return read(self._engine, lambda rows: search.matching_count(rows, wanted, now))

    def pages(self, wanted: RecordingFilter, size: int) -> Iterator[tuple[RecordingView, ...]]:
        """Yield the recordings that match page by page, the newest start first.

        Their numbers are read once, at the start. So each recording comes once, whatever is written
        into its row meanwhile or was by hand; one that is removed meanwhile does not come.

        Args:
            wanted: What to select.
            size: The largest number of recordings of a page.
        """
        now = self._now()
        numbers = read(
            self._engine,
            lambda connection: array("q", search.matching_ids(connection, wanted, now)),
        )
        for begin in range(0, len(numbers), size):
            page = numbers[begin : begin + size]
            yield read(self._engine, partial(_page, numbers=page))

    def find(self, reference: str) -> int | None:
        """Return our number of a recording, or None if there is no such recording.

        Args:
            reference: Our number, the source's record id, or SOURCE:RECORD_ID.

        Raises:
            RecordError: "ambiguous_id" when several sources have this record id.
        """
        return read(self._engine, lambda connection: _find(connection, reference.strip()))

    def show(self, recording_id: int) -> RecordingDetail | None:
        """Return everything about one recording; None if there is no such number."""
        return read(self._engine, lambda connection: _show(connection, recording_id))

    def stats(self, student: str | None = None) -> tuple[StudentView, ...]:
        """Return the stored statistics, the student with the latest recording first.

        Args:
            student: The id or a name of a student; None for all.
        """
        return read(self._engine, lambda connection: student_views(connection, student))

    def statistics_basis(self) -> StatisticsBasis:
        """Return the counts that tell why there are no statistics."""
        return read(self._engine, statistics_basis)

    def students(self) -> Mapping[str, str]:
        """Return the name of every student who attended, by id."""
        return read(self._engine, named_students)

    def counts(self) -> Mapping[RecordStatus, int]:
        """Return the number of recordings by status, without the statuses of no recording."""
        query = select(recordings.c.status, func.count()).group_by(recordings.c.status)
        return read(
            self._engine, lambda connection: {row[0]: row[1] for row in connection.execute(query)}
        )

    def runs(self, limit: int) -> tuple[RunView, ...]:
        """Return the latest runs, the newest first."""
        query = select(*_RUN, runs.c.window_start, runs.c.window_end)
        query = query.order_by(runs.c.id.desc()).limit(limit)
        return read(
            self._engine,
            lambda connection: tuple(_run(row) for row in connection.execute(query).mappings()),
        )


def _page(connection: Connection, numbers: Sequence[int]) -> tuple[RecordingView, ...]:
    return tuple(_views(connection, numbers))


def _views(connection: Connection, numbers: Sequence[int]) -> Iterator[RecordingView]:
    query = select(*_VIEWED).where(recordings.c.id.in_(numbers))
    rows = {row["id"]: row for row in connection.execute(query).mappings()}
    stages = ledger.entries(connection, numbers)
    for number in filter(rows.__contains__, numbers):
        yield _view(rows[number], stages[number])


def _view(row: RowMapping, stages: Mapping[StageName, LedgerEntry]) -> RecordingView:
    converted = {
        "student_ids": tuple(row["student_ids"]),
        "participants_known": bool(row["participants_known"]),
        "notes": tuple(row["notes"] or ()),
    }
    names = [column.key for column in _VIEWED]
    return RecordingView(**{**{name: row[name] for name in names}, **converted}, stages=stages)


def _find(connection: Connection, reference: str) -> int | None:
    if reference.isascii() and reference.isdigit() and len(reference) <= _MAX_DIGITS:
        ours = select(recordings.c.id).where(recordings.c.id == int(reference))
        if (number := connection.execute(ours).scalar()) is not None:
            return int(number)
    source, colon, record_id = reference.partition(":")
    theirs = select(recordings.c.id, recordings.c.source)
    if colon:
        theirs = theirs.where(recordings.c.source == source, recordings.c.record_id == record_id)
    else:
        theirs = theirs.where(recordings.c.record_id == reference)
    found = connection.execute(theirs).all()
    if len(found) > 1:
        sources = ", ".join(sorted(row.source for row in found))
        message = f"{reference} is the record id of recordings from several sources: {sources}"
        raise RecordError("ambiguous_id", message, hint="use SOURCE:RECORD_ID")
    return found[0].id if found else None


def _show(connection: Connection, recording_id: int) -> RecordingDetail | None:
    query = select(*_VIEWED, recordings.c.play_url, recordings.c.size_bytes)
    query = query.where(recordings.c.id == recording_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return RecordingDetail(
        recording=_view(row, ledger.entries(connection, [recording_id])[recording_id]),
        play_url=row["play_url"],
        size_bytes=row["size_bytes"],
        attendance=tuple(_attendance(connection, recording_id)),
        transcript=results.transcript_of(connection, recording_id),
        summary=versions.current_summary(connection, recording_id),
        usage=tuple(_usage(connection, recording_id)),
    )


def _attendance(connection: Connection, recording_id: int) -> Iterator[Attendance]:
    query = select(attendance).where(attendance.c.recording_id == recording_id)
    for row in connection.execute(query.order_by(attendance.c.person)).mappings():
        yield attendance_of_row(row)


def _usage(connection: Connection, recording_id: int) -> Iterator[Usage]:
    columns = [usage.c[name] for name in columns_of(Usage)]
    query = select(*columns).where(usage.c.recording_id == recording_id)
    for row in connection.execute(query.order_by(usage.c.created_at, usage.c.call)).mappings():
        yield Usage(**row)


def _run(row: RowMapping) -> RunView:
    start, end = row["window_start"], row["window_end"]
    window = None if start is None or end is None else Window(start, end)
    return RunView(**{column.name: row[column.name] for column in _RUN}, window=window)
