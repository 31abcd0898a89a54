"""Transcripts in the rows, removed by age; phase, summary and numbers stay."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, delete, exists, select
from sqlalchemy import Row as DatabaseRow

from meeting_pipeline.adapters.db import ledger
from meeting_pipeline.adapters.db.engine import in_transaction, read
from meeting_pipeline.adapters.db.queries import in_written_order
from meeting_pipeline.adapters.db.schema import (
    recordings,
    stage_ledger,
    summaries,
    transcript_segments,
    transcripts,
)
from meeting_pipeline.adapters.db.writing import chunks
from meeting_pipeline.domain.model import RecordKey
from meeting_pipeline.domain.retention import TEXTS_REMOVED, OldText
from meeting_pipeline.domain.stages import Artifact, RecordStatus, StageName, StageStatus

_heard = stage_ledger.alias("heard")


class OldTextStore:
    """Implements `ports.upkeep.OldTextStore`. now: aware UTC."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def due(self, ended_by: datetime) -> list[OldText]:
        def work(connection: Connection) -> list[OldText]:
            rows = connection.execute(_due(ended_by))
            return [_old_text(row) for row in rows if _end(row) <= ended_by]

        return read(self._engine, work)

    def forget(self, texts: Iterable[OldText]) -> None:
        numbers = sorted(one.recording_id for one in texts)
        values = {
            "transcript": None,
            "skip_reason": TEXTS_REMOVED,
            "made_with": None,  # so that no change of settings makes it due
            "updated_at": self._now(),
        }

        def work(connection: Connection) -> None:
            for chunk in chunks(numbers):
                these = recordings.c.id.in_(chunk)
                connection.execute(recordings.update().where(these).values(values))
                spoken = transcript_segments.c.recording_id.in_(chunk)
                connection.execute(delete(transcript_segments).where(spoken))

        in_transaction(self._engine, work)

    def removed(self, text: OldText, page: Artifact) -> None:
        heard = and_(
            stage_ledger.c.recording_id == text.recording_id,
            stage_ledger.c.stage == StageName.TRANSCRIBE,
        )
        gone = stage_ledger.update().where(heard).values(file_removed_at=self._now())

        def work(connection: Connection) -> None:
            ledger.replace_artifact(connection, text.recording_id, StageName.STORE, page)
            connection.execute(gone)

        in_transaction(self._engine, work)


def _due(ended_by: datetime) -> Select[Any]:
    """Finished ones that began by then and whose transcript is still a file.

    What is being made anew is left alone (a stage is not done), and so is what lacks rows, which
    `meeting doctor` tells of.
    """
    undone = exists().where(
        stage_ledger.c.recording_id == recordings.c.id,
        stage_ledger.c.status != StageStatus.DONE,
    )
    columns = (
        recordings.c.id,
        recordings.c.source,
        recordings.c.record_id,
        recordings.c.start_ts,
        recordings.c.end_ts,
        recordings.c.duration_s,
        _heard.c.artifact_name,
        _heard.c.artifact_size,
    )
    query = select(*columns).select_from(_heard)
    return in_written_order(
        query.join(recordings, recordings.c.id == _heard.c.recording_id)
        .join(transcripts, transcripts.c.recording_id == recordings.c.id)
        .join(summaries, summaries.c.recording_id == recordings.c.id)
        .where(
            _heard.c.stage == StageName.TRANSCRIBE,
            _heard.c.file_removed_at.is_(None),
            _heard.c.artifact_name.is_not(None),
            recordings.c.status == RecordStatus.DONE,
            recordings.c.start_ts <= ended_by,
            ~undone,
        )
        .order_by(recordings.c.id)
    )


def _end(row: DatabaseRow[Any]) -> datetime:
    """When the recording ended, as far as is known."""
    told: datetime | None = row.end_ts
    return told or row.start_ts + timedelta(seconds=row.duration_s or 0.0)


def _old_text(row: DatabaseRow[Any]) -> OldText:
    key = RecordKey(row.source, row.record_id)
    return OldText(row.id, key, row.artifact_name, row.artifact_size or 0)
