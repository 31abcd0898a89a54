"""Repair of rows that are damaged, or whose files are gone."""

from collections.abc import Callable, Iterator
from datetime import datetime

from sqlalchemy import Connection, Engine, and_, exists, func, not_, or_, select

from meeting_pipeline.adapters.db import ledger
from meeting_pipeline.adapters.db.engine import in_transaction, read
from meeting_pipeline.adapters.db.reading import SqlViewReader
from meeting_pipeline.adapters.db.schema import recordings, runs, summaries, transcripts
from meeting_pipeline.adapters.db.stored_texts import SqlStoredTexts
from meeting_pipeline.domain.retention import TEXTS_REMOVED
from meeting_pipeline.domain.stages import RecordStatus, StageName
from meeting_pipeline.domain.views import RecordingFilter, RecordingView
from meeting_pipeline.ports.upkeep import OpenRun

_PAGE = 500


class SqlRepairStore(SqlStoredTexts):
    """Implementation of `ports.upkeep.RepairStore`.

    Args:
        engine: The database.
        reading: Finds the recordings.
        now: Returns the current time, aware UTC.
    """

    def __init__(self, engine: Engine, reading: SqlViewReader, now: Callable[[], datetime]) -> None:
        super().__init__(engine)
        self._reading = reading
        self._now = now

    def recordings(self) -> Iterator[RecordingView]:
        for page in self._reading.pages(RecordingFilter(), _PAGE):
            yield from page

    def lacking_texts(self) -> frozenset[int]:
        lacking = [
            not_(exists().where(table.c.recording_id == recordings.c.id))
            for table in (transcripts, summaries)
        ]
        query = select(recordings.c.id).where(
            recordings.c.status == RecordStatus.DONE,
            func.coalesce(recordings.c.skip_reason, "") != TEXTS_REMOVED,
            or_(*lacking),
        )
        return read(self._engine, lambda connection: frozenset(connection.execute(query).scalars()))

    def reopen(self, recording_id: int, stage: StageName) -> None:
        values = {
            "status": RecordStatus.PENDING,
            "next_attempt_at": None,
            "updated_at": self._now(),
        }
        update = recordings.update().where(recordings.c.id == recording_id).values(values)

        def work(connection: Connection) -> None:
            ledger.undo(connection, recording_id, stage)
            connection.execute(update)

        in_transaction(self._engine, work)

    def open_runs(self) -> list[OpenRun]:
        query = select(runs.c.id, runs.c.command, runs.c.started_at)
        query = query.where(runs.c.finished_at.is_(None)).order_by(runs.c.id)
        return read(
            self._engine,
            lambda connection: [
                OpenRun(row.id, row.command, row.started_at) for row in connection.execute(query)
            ],
        )

    def close_run(self, run_id: int, stopped_by: str) -> None:
        is_open = and_(runs.c.id == run_id, runs.c.finished_at.is_(None))
        values = {"finished_at": self._now(), "stopped_by": stopped_by}
        in_transaction(
            self._engine,
            lambda connection: connection.execute(runs.update().where(is_open).values(values)),
        )
