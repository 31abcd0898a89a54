"""The store of summary versions and of phases that are set by hand."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, Engine, select

from meeting_pipeline.adapters.db import versions
from meeting_pipeline.adapters.db.engine import in_transaction, read
from meeting_pipeline.adapters.db.schema import attendance
from meeting_pipeline.adapters.db.writing import mark_stale
from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import Role
from meeting_pipeline.domain.summary_versions import CurrentSummary, SummaryVersion


class SqlSummaryStore:
    """Implementation of `ports.summaries.SummaryStore`.

    Args:
        engine: The database.
        now: Returns the current time, aware UTC.
    """

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def versions(self, recording_id: int) -> list[SummaryVersion]:
        return read(self._engine, lambda connection: versions.all_of(connection, recording_id))

    def current(self, recording_id: int) -> CurrentSummary | None:
        return read(self._engine, lambda connection: versions.current(connection, recording_id))

    def choose(self, recording_id: int, version: int) -> bool:
        now = self._now()

        def work(connection: Connection) -> bool:
            _mark_students_stale(connection, recording_id)
            return versions.choose(connection, recording_id, version, now, now)

        return in_transaction(self._engine, work)

    def set_phase(self, recording_id: int, phase: Phase | None, who: str) -> None:
        now = self._now()

        def work(connection: Connection) -> None:
            _mark_students_stale(connection, recording_id)
            versions.set_phase(connection, recording_id, phase, who, now)

        in_transaction(self._engine, work)


def _mark_students_stale(connection: Connection, recording_id: int) -> None:
    students = select(attendance.c.person).where(
        attendance.c.recording_id == recording_id, attendance.c.role == Role.STUDENT
    )
    mark_stale(connection, connection.execute(students).scalars())
