"""The stage ledger: the state of every stage of a recording, in `stage_ledger`."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, select
from sqlalchemy import Row as DatabaseRow

from meeting_pipeline.adapters.db.mapping import columns_of, storable
from meeting_pipeline.adapters.db.schema import stage_ledger
from meeting_pipeline.adapters.db.types import MESSAGE_LENGTH
from meeting_pipeline.adapters.db.writing import Row, insert_missing, upsert
from meeting_pipeline.domain.stages import Artifact, LedgerEntry, StageName, StageStatus
from meeting_pipeline.ports.rows import StageFailure

_KEYS = ("recording_id", "stage")
_ENTRY = columns_of(LedgerEntry, "artifact")
_CLEARED = {
    "next_attempt_at": None,
    "error_code": None,
    "message": None,
    "artifact_name": None,
    "artifact_size": None,
    "artifact_sha256": None,
    "artifact_duration_s": None,
    "finished_at": None,
    "file_removed_at": None,
}

_IS_STAGE: ColumnElement[bool] = and_(
    stage_ledger.c.recording_id == bindparam("which_recording"),
    stage_ledger.c.stage == bindparam("which_stage"),
)
# built once: building a statement takes longer than sending it
_ENTRIES = select(stage_ledger).where(
    stage_ledger.c.recording_id.in_(bindparam("which_recordings", expanding=True))
)
_STATE = (
    select(stage_ledger.c.made_from, stage_ledger.c.status, stage_ledger.c.attempts)
    .where(_IS_STAGE)
    .with_for_update()
)
_CHANGE = stage_ledger.update().where(_IS_STAGE)


def entries(
    connection: Connection, recording_ids: Iterable[int]
) -> dict[int, dict[StageName, LedgerEntry]]:
    """Return the ledger entries of each of these recordings, stages in their order."""
    numbers = list(recording_ids)
    found: dict[int, dict[StageName, LedgerEntry]] = {number: {} for number in numbers}
    rows = connection.execute(_ENTRIES, {"which_recordings": numbers}).all()
    for row in sorted(rows, key=lambda row: list(StageName).index(row.stage)):
        found[row.recording_id][row.stage] = _entry(row)
    return found


def begin(
    connection: Connection, recording_id: int, stage: StageName, made_from: str, now: datetime
) -> int:
    """Record that an attempt of a stage starts, and return which attempt it is, from 1.

    Args:
        connection: A connection in a transaction.
        recording_id: Our number of the recording.
        stage: The stage.
        made_from: Fingerprint of everything that its result is made from.
        now: The current time, aware UTC.
    """
    before = connection.execute(_STATE, _which(recording_id, stage)).first()
    is_retry = before and before.made_from == made_from and before.status != StageStatus.DONE
    attempt = before.attempts + 1 if before and is_retry else 1
    row = {
        "recording_id": recording_id,
        "stage": stage,
        "status": StageStatus.RUNNING,
        "made_from": made_from,
        "attempts": attempt,
        "started_at": now,
    }
    upsert(connection, stage_ledger, [row], _KEYS, cleared=tuple(_CLEARED))
    return attempt


def end(
    connection: Connection, recording_id: int, stage: StageName, artifact: Artifact, now: datetime
) -> None:
    """Record that a stage is done, with its artifact."""
    values = {**_artifact_columns(artifact), "status": StageStatus.DONE, "finished_at": now}
    connection.execute(_CHANGE, {**_which(recording_id, stage), **values})


def set_back(
    connection: Connection, recording_id: int, failure: StageFailure, now: datetime
) -> None:
    """Record why a stage did not succeed; it may have failed before it started.

    If it only waits, its attempt does not count. A stage that is not running then stays as it is.
    """
    values: dict[str, object] = {
        "status": failure.status,
        "error_code": failure.code,
        "message": storable(failure.message, MESSAGE_LENGTH),
        "next_attempt_at": failure.next_attempt_at,
        "finished_at": now,
    }
    row = {"recording_id": recording_id, "stage": failure.stage, "made_from": "", "attempts": 0}
    insert_missing(connection, stage_ledger, [{**row, **values}])
    update = stage_ledger.update().where(_IS_STAGE)
    if failure.status is StageStatus.WAITING:
        update = update.where(stage_ledger.c.status == StageStatus.RUNNING)
        values["attempts"] = stage_ledger.c.attempts - 1
    connection.execute(update.values(values), _which(recording_id, failure.stage))


def reopen(connection: Connection, recording_id: int) -> None:
    """Make the unfinished stages of a recording due now, with all their attempts."""
    unfinished = and_(
        stage_ledger.c.recording_id == recording_id,
        stage_ledger.c.status != StageStatus.DONE,
    )
    values = {"status": StageStatus.WAITING, "attempts": 0, "next_attempt_at": None}
    connection.execute(stage_ledger.update().where(unfinished).values(values))


def undo(connection: Connection, recording_id: int, stage: StageName) -> None:
    """Make a finished stage due now, with all its attempts."""
    values = {**_CLEARED, "status": StageStatus.WAITING, "attempts": 0}
    connection.execute(_CHANGE, {**_which(recording_id, stage), **values})


def replace_artifact(
    connection: Connection, recording_id: int, stage: StageName, artifact: Artifact
) -> None:
    """Replace the artifact of a stage, and change nothing else."""
    connection.execute(_CHANGE, {**_which(recording_id, stage), **_artifact_columns(artifact)})


def _which(recording_id: int, stage: StageName) -> Row:
    return {"which_recording": recording_id, "which_stage": stage}


def _artifact_columns(artifact: Artifact) -> Row:
    return {
        "artifact_name": artifact.name,
        "artifact_size": artifact.size_bytes,
        "artifact_sha256": artifact.sha256,
        "artifact_duration_s": artifact.duration_s,
    }


def _entry(row: DatabaseRow[Any]) -> LedgerEntry:
    artifact = None
    if row.artifact_name is not None:
        artifact = Artifact(
            row.artifact_name, row.artifact_size, row.artifact_sha256, row.artifact_duration_s
        )
    return LedgerEntry(artifact=artifact, **{name: getattr(row, name) for name in _ENTRY})
