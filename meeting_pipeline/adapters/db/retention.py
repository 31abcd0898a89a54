"""Which files are due for deletion: found by index, however many went before."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
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
    exists,
    or_,
    select,
)

from meeting_pipeline.adapters.db.engine import in_transaction, make_durable, read
from meeting_pipeline.adapters.db.schema import recordings, stage_ledger
from meeting_pipeline.adapters.db.types import SQLITE, UtcDateTime
from meeting_pipeline.adapters.db.writing import chunks
from meeting_pipeline.domain.model import RecordKey
from meeting_pipeline.domain.retention import Cutoffs, Kept, Leftover
from meeting_pipeline.domain.stages import RecordStatus, StageName, StageStatus

Instant = BindParameter[datetime]

_left = stage_ledger.alias("left_behind")
_later = stage_ledger.alias("later")


class RetentionStore:
    """Implements `ports.upkeep.RetentionStore`. now: aware UTC."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def due(
        self, cutoffs: Cutoffs, kinds: Collection[Kept], recording_id: int | None = None
    ) -> list[Leftover]:
        of_one = recording_id is not None

        def values(kept: Kept) -> dict[str, Any]:
            limit = cutoffs.of(kept)
            values = {"limit": limit, "dead": min(limit, cutoffs.dead)}
            return {**values, "which": recording_id} if of_one else values

        def work(connection: Connection) -> list[Leftover]:
            rows = (
                (kept, row)
                for kept in Kept
                if kept in kinds
                for row in connection.execute(_due(kept, of_one), values(kept))
            )
            return [
                Leftover(
                    row.recording_id,
                    RecordKey(row.source, row.record_id),
                    kept,
                    row.artifact_name,
                    row.artifact_size or 0,
                )
                for kept, row in rows
            ]

        return read(self._engine, work)

    def removed(self, leftovers: Iterable[Leftover]) -> None:
        now = self._now()

        def work(connection: Connection) -> None:
            for kept in Kept:
                numbers = (one.recording_id for one in leftovers if one.kept is kept)
                for chunk in chunks(sorted(numbers)):
                    these = and_(
                        stage_ledger.c.recording_id.in_(chunk), stage_ledger.c.stage == kept.stage
                    )
                    update = stage_ledger.update().where(these)
                    connection.execute(update.values(file_removed_at=now))

        leftovers = list(leftovers)
        in_transaction(self._engine, work)

    def settle(self) -> None:
        if self._engine.dialect.name == SQLITE:  # a server decides for itself
            make_durable(self._engine)


@cache
def _due(kept: Kept, of_one: bool) -> Select[Any]:
    """Of the files that are there and old enough, those that nothing needs any more.

    Made once: making a statement takes longer than sending it. of_one: those of recording `which`.
    """
    limit, dead = bindparam("limit", type_=UtcDateTime), bindparam("dead", type_=UtcDateTime)
    waits_for = _outputs_of_media if kept is Kept.MEDIA else _outputs_of_audio
    reasons = [waits_for(limit), _ended(RecordStatus.SKIPPED, limit)]
    reasons.append(_ended(RecordStatus.DEAD, dead))
    query = (
        select(
            _left.c.recording_id,
            recordings.c.source,
            recordings.c.record_id,
            _left.c.artifact_name,
            _left.c.artifact_size,
        )
        .join(recordings, recordings.c.id == _left.c.recording_id)
        .where(
            _left.c.stage == kept.stage,
            _left.c.file_removed_at.is_(None),
            _left.c.finished_at <= limit,
            or_(*reasons),
        )
        .order_by(_left.c.recording_id)
    )
    return query.where(_left.c.recording_id == bindparam("which")) if of_one else query


def _outputs_of_media(limit: Instant) -> ColumnElement[bool]:
    """The audio made from this very file has passed its gate."""
    return and_(_left.c.status == StageStatus.DONE, _is_followed_by(StageName.EXTRACT, limit))


def _outputs_of_audio(limit: Instant) -> ColumnElement[bool]:
    """Everything that is made from it is in the rows, and nothing is being made anew."""
    return and_(
        _left.c.status == StageStatus.DONE,
        recordings.c.status == RecordStatus.DONE,
        _is_followed_by(StageName.STORE, limit),
    )


def _is_followed_by(stage: StageName, limit: Instant) -> ColumnElement[bool]:
    return exists().where(
        _later.c.recording_id == _left.c.recording_id,
        _later.c.stage == stage,
        _later.c.status == StageStatus.DONE,
        _later.c.finished_at >= _left.c.finished_at,
        _later.c.finished_at <= limit,
    )


def _ended(status: RecordStatus, limit: Instant) -> ColumnElement[bool]:
    """The recording stands so, and nothing has been tried since."""
    tried_since = exists().where(
        _later.c.recording_id == _left.c.recording_id,
        or_(_later.c.finished_at.is_(None), _later.c.finished_at > limit),
    )
    return and_(recordings.c.status == status, ~tried_since)
