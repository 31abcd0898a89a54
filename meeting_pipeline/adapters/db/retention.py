"""Queries for files whose retention is over, and the record of their removal.

They use indexes, so their cost does not grow with the number of files removed before.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    or_,
    select,
)
from sqlalchemy import Row as DatabaseRow

from meeting_pipeline.adapters.db.engine import in_transaction, make_durable, read
from meeting_pipeline.adapters.db.queries import in_written_order
from meeting_pipeline.adapters.db.schema import (
    recordings,
    stage_ledger,
    summaries,
    transcript_segments,
    transcripts,
)
from meeting_pipeline.adapters.db.stored_texts import SqlStoredTexts
from meeting_pipeline.adapters.db.types import SQLITE, UtcDateTime
from meeting_pipeline.adapters.db.writing import chunks
from meeting_pipeline.domain.model import RecordKey
from meeting_pipeline.domain.retention import TEXTS_REMOVED, Cutoffs, ExpiredFile, RetainedKind
from meeting_pipeline.domain.stages import RecordStatus, StageName, StageStatus

Instant = BindParameter[datetime]

_made = stage_ledger.alias("left_behind")
_later = stage_ledger.alias("later")


class SqlRetentionStore(SqlStoredTexts):
    """Implementation of `ports.upkeep.RetentionStore`.

    Args:
        engine: The database.
        now: Returns the current time, aware UTC.
    """

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        super().__init__(engine)
        self._now = now

    def due(
        self, cutoffs: Cutoffs, kinds: Collection[RetainedKind], recording_id: int | None = None
    ) -> list[ExpiredFile]:
        of_one = recording_id is not None

        def of_kind(connection: Connection, kind: RetainedKind) -> list[ExpiredFile]:
            limit = cutoffs.of(kind)
            values = {"limit": limit, "dead": min(limit, cutoffs.dead), "which": recording_id}
            rows = connection.execute(_due(kind, of_one), values)
            is_by_end = kind is RetainedKind.TEXTS
            return [_expired(kind, row) for row in rows if not is_by_end or _end(row) <= limit]

        def work(connection: Connection) -> list[ExpiredFile]:
            wanted = [kind for kind in RetainedKind if kind in kinds]
            return [one for kind in wanted for one in of_kind(connection, kind)]

        return read(self._engine, work)

    def forget(self, recording_ids: Collection[int]) -> None:
        values = {
            "transcript": None,
            "skip_reason": TEXTS_REMOVED,
            "made_with": None,  # so that changed settings do not make it due
            "updated_at": self._now(),
        }

        def work(connection: Connection) -> None:
            for chunk in chunks(sorted(recording_ids)):
                these = recordings.c.id.in_(chunk)
                connection.execute(recordings.update().where(these).values(values))
                spoken = transcript_segments.c.recording_id.in_(chunk)
                connection.execute(delete(transcript_segments).where(spoken))

        if recording_ids:
            in_transaction(self._engine, work)

    def removed(self, files: Iterable[ExpiredFile]) -> None:
        now = self._now()

        def work(connection: Connection) -> None:
            for kind in RetainedKind:
                numbers = (one.recording_id for one in files if one.kind is kind)
                for chunk in chunks(sorted(numbers)):
                    these = and_(
                        stage_ledger.c.recording_id.in_(chunk), stage_ledger.c.stage == kind.stage
                    )
                    update = stage_ledger.update().where(these)
                    connection.execute(update.values(file_removed_at=now))

        files = list(files)
        in_transaction(self._engine, work)

    def settle(self) -> None:
        if self._engine.dialect.name == SQLITE:  # the durability of a server is configured there
            make_durable(self._engine)


@cache
def _due(kind: RetainedKind, of_one: bool) -> Select[Any]:
    """Return the query for the existing files that nothing needs any more.

    It is built once, because building a statement takes longer than sending it.

    Args:
        kind: The kind of file.
        of_one: Select only the files of the recording `which`.
    """
    limit = bindparam("limit", type_=UtcDateTime)
    is_texts = kind is RetainedKind.TEXTS
    query = (
        select(
            _made.c.recording_id,
            recordings.c.source,
            recordings.c.record_id,
            recordings.c.start_ts,
            recordings.c.end_ts,
            recordings.c.duration_s,
            _made.c.artifact_name,
            _made.c.artifact_size,
        )
        .select_from(_made)
        .join(recordings, recordings.c.id == _made.c.recording_id)
        .where(
            _made.c.stage == kind.stage,
            _made.c.file_removed_at.is_(None),
            _has_old_transcript(limit) if is_texts else _is_unneeded(kind, limit),
        )
        .order_by(_made.c.recording_id)
    )
    if is_texts:  # `meeting doctor` reports recordings that lack these rows
        is_current = summaries.c.version == recordings.c.summary_version
        query = query.join(transcripts, transcripts.c.recording_id == _made.c.recording_id).join(
            summaries, and_(summaries.c.recording_id == _made.c.recording_id, is_current)
        )
    if of_one:
        query = query.where(_made.c.recording_id == bindparam("which"))
    return in_written_order(query)


def _expired(kind: RetainedKind, row: DatabaseRow[Any]) -> ExpiredFile:
    key = RecordKey(row.source, row.record_id)
    return ExpiredFile(row.recording_id, key, kind, row.artifact_name, row.artifact_size or 0)


def _end(row: DatabaseRow[Any]) -> datetime:
    """Return when the recording ended, as far as that is known."""
    end: datetime | None = row.end_ts
    return end or row.start_ts + timedelta(seconds=row.duration_s or 0.0)


def _has_old_transcript(limit: Instant) -> ColumnElement[bool]:
    """Return the condition for a finished recording that started before the limit.

    A recording that is being processed again is left out: one of its stages is not done. The end of
    the recording is compared with the limit in `due`.
    """
    undone = exists().where(
        _later.c.recording_id == _made.c.recording_id, _later.c.status != StageStatus.DONE
    )
    return and_(
        _made.c.artifact_name.is_not(None),
        recordings.c.status == RecordStatus.DONE,
        recordings.c.start_ts <= limit,
        ~undone,
    )


def _is_unneeded(kind: RetainedKind, limit: Instant) -> ColumnElement[bool]:
    """Return the condition for an old file whose outputs are old too, or whose recording ended.

    A recording has ended when it was skipped or is dead.
    """
    waits_for = _outputs_of_media if kind is RetainedKind.MEDIA else _outputs_of_audio
    reasons = [waits_for(limit), _ended(RecordStatus.SKIPPED, limit)]
    reasons.append(_ended(RecordStatus.DEAD, bindparam("dead", type_=UtcDateTime)))
    return and_(_made.c.finished_at <= limit, or_(*reasons))


def _outputs_of_media(limit: Instant) -> ColumnElement[bool]:
    """Return the condition that audio was extracted from exactly this file."""
    return and_(_made.c.status == StageStatus.DONE, _is_followed_by(StageName.EXTRACT, limit))


def _outputs_of_audio(limit: Instant) -> ColumnElement[bool]:
    """Return the condition that the recording is done and its results are stored."""
    return and_(
        _made.c.status == StageStatus.DONE,
        recordings.c.status == RecordStatus.DONE,
        _is_followed_by(StageName.STORE, limit),
    )


def _is_followed_by(stage: StageName, limit: Instant) -> ColumnElement[bool]:
    return exists().where(
        _later.c.recording_id == _made.c.recording_id,
        _later.c.stage == stage,
        _later.c.status == StageStatus.DONE,
        _later.c.finished_at >= _made.c.finished_at,
        _later.c.finished_at <= limit,
    )


def _ended(status: RecordStatus, limit: Instant) -> ColumnElement[bool]:
    """Return the condition that a recording has a status, and that no stage has run since."""
    tried_since = exists().where(
        _later.c.recording_id == _made.c.recording_id,
        or_(_later.c.finished_at.is_(None), _later.c.finished_at > limit),
    )
    return and_(recordings.c.status == status, ~tried_since)
