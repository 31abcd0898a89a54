"""Stored transcripts and summaries, from which files can be written again."""

from sqlalchemy import Connection, Engine, select

from meeting_pipeline.adapters.db import ledger, results, versions
from meeting_pipeline.adapters.db.engine import in_transaction, read
from meeting_pipeline.adapters.db.mapping import META_COLUMNS, meta_of
from meeting_pipeline.adapters.db.schema import recordings
from meeting_pipeline.domain.model import Minutes, RecordMeta
from meeting_pipeline.domain.stages import Artifact, StageName


class SqlStoredTexts:
    """Implementation of `ports.upkeep.StoredTexts`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def minutes(self, recording_id: int) -> tuple[RecordMeta, Minutes] | None:
        query = select(*META_COLUMNS).where(recordings.c.id == recording_id)

        def work(connection: Connection) -> tuple[RecordMeta, Minutes] | None:
            row = connection.execute(query).mappings().first()
            transcript = results.transcript_of(connection, recording_id)
            summary = versions.current_summary(connection, recording_id)
            if row is None or transcript is None or summary is None:
                return None
            return meta_of(row), Minutes(transcript, summary)

        return read(self._engine, work)

    def replace_artifact(self, recording_id: int, stage: StageName, artifact: Artifact) -> None:
        in_transaction(
            self._engine,
            lambda connection: ledger.replace_artifact(connection, recording_id, stage, artifact),
        )
