"""The store of recordings and their stage ledger."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, and_, bindparam, func, select

from meeting_pipeline.adapters.db import due, ledger, listing, results, schema, versions
from meeting_pipeline.adapters.db.engine import in_transaction, read
from meeting_pipeline.adapters.db.mapping import META_COLUMNS, meta_of
from meeting_pipeline.adapters.db.schema import attendance, recordings
from meeting_pipeline.adapters.db.writing import chunks, insert_missing, mark_stale
from meeting_pipeline.domain.erasure import ERASED
from meeting_pipeline.domain.model import Minutes, RecordMeta, Role, Transcript, Usage
from meeting_pipeline.domain.stages import Artifact, LedgerEntry, RecordStatus, StageName
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports.rows import DueRecord, Listed, StageFailure
from meeting_pipeline.ports.sources import MediaLink

# built once: building a statement takes longer than sending it
_CHANGE = recordings.update().where(recordings.c.id == bindparam("which"))
_STUDENTS = select(attendance.c.person).where(
    attendance.c.recording_id == bindparam("which"), attendance.c.role == Role.STUDENT
)
_CLOSED = (RecordStatus.FAILED, RecordStatus.DEAD, RecordStatus.SKIPPED)


class SqlRecordingStore:
    """Implementation of `ports.rows.RecordingStore`.

    Args:
        engine: The database.
        teachers: Ids or names of people who are never students (TEACHER_WHITELIST).
        now: Returns the current time, aware UTC.
    """

    def __init__(
        self, engine: Engine, teachers: Collection[str], now: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._teachers = frozenset(teachers)
        self._now = now

    def upsert(self, listed: Sequence[RecordMeta]) -> Listed:
        metas, now = listing.in_order(listed), self._now()
        waiting = sum(not meta.is_final for meta in metas)

        def work(connection: Connection) -> Listed:
            new, notes = listing.write(connection, metas, self._teachers, now)
            skipped = listing.numbered(connection, [meta for meta in new if meta.skip_reason])
            return Listed(len(new), len(metas) - len(new), waiting, tuple(skipped), tuple(notes))

        return in_transaction(self._engine, work)

    def unknown(self, listed: Sequence[RecordMeta]) -> list[RecordMeta]:
        metas = listing.in_order(listed)
        return read(self._engine, lambda connection: listing.unknown(connection, metas))

    def lacking_participants(self, listed: Sequence[RecordMeta]) -> list[RecordMeta]:
        metas = listing.in_order(listed)
        return read(
            self._engine, lambda connection: listing.lacking_participants(connection, metas)
        )

    def due(self, window: Window | None, made_with: str, limit: int | None) -> list[DueRecord]:
        now = self._now()

        def work(connection: Connection) -> list[DueRecord]:
            numbers = due.due_ids(connection, now, window, made_with, limit)
            return list(_due_records(connection, numbers))

        return read(self._engine, work)

    def due_among(self, listed: Sequence[RecordMeta]) -> list[DueRecord]:
        metas, now = listing.in_order(listed), self._now()

        def work(connection: Connection) -> list[DueRecord]:
            rows = listing.due(connection, metas, now)
            crashes = due.crashes(connection) if rows else {}
            return [_due_record(row, crashes) for row in rows]

        return read(self._engine, work)

    def ledger(self, recording_id: int) -> Mapping[StageName, LedgerEntry]:
        found = read(self._engine, lambda connection: ledger.entries(connection, [recording_id]))
        return found[recording_id]

    def begin_stage(self, recording_id: int, stage: StageName, made_from: str) -> int:
        now = self._now()
        return in_transaction(
            self._engine,
            lambda connection: ledger.begin(connection, recording_id, stage, made_from, now),
        )

    def end_stage(self, recording_id: int, stage: StageName, artifact: Artifact) -> None:
        now = self._now()

        def work(connection: Connection) -> None:
            ledger.end(connection, recording_id, stage, artifact, now)
            length_s = artifact.duration_s
            if length_s is not None:
                listing.note_length(connection, recording_id, length_s, self._teachers, now)

        in_transaction(self._engine, work)

    def set_back(self, recording_id: int, failure: StageFailure, status: RecordStatus) -> None:
        now = self._now()
        values: dict[str, object] = {"status": status, "next_attempt_at": failure.next_attempt_at}
        if status is RecordStatus.SKIPPED:
            values |= {"skip_reason": failure.code, "made_with": failure.made_with or ""}
        else:
            values |= {"skip_reason": None}

        def work(connection: Connection) -> None:
            _update(connection, recording_id, values, now)
            ledger.set_back(connection, recording_id, failure, now)

        in_transaction(self._engine, work)

    def save_transcript(self, recording_id: int, transcript: Transcript) -> None:
        now = self._now()
        in_transaction(
            self._engine,
            lambda connection: _save_transcript(connection, recording_id, transcript, now),
        )

    def transcript(self, recording_id: int) -> Transcript | None:
        return read(self._engine, lambda rows: results.transcript_of(rows, recording_id))

    def save(self, recording_id: int, minutes: Minutes) -> None:
        now = self._now()

        def work(connection: Connection) -> None:
            _save_transcript(connection, recording_id, minutes.transcript, now)
            versions.store(connection, recording_id, minutes.summary, now, now)
            mark_stale(connection, _students(connection, recording_id))

        in_transaction(self._engine, work)

    def finish(self, recording_id: int, made_with: str) -> None:
        now = self._now()
        values = {
            "status": RecordStatus.DONE,
            "made_with": made_with,
            "next_attempt_at": None,
            "skip_reason": None,
        }
        in_transaction(
            self._engine, lambda connection: _update(connection, recording_id, values, now)
        )

    def note_links(self, recording_id: int, link: MediaLink) -> None:
        now = self._now()
        links = {"play_url": link.play_url, "download_url": link.download_url}
        values = {name: url for name, url in links.items() if url}
        if values:
            in_transaction(
                self._engine, lambda connection: _update(connection, recording_id, values, now)
            )

    def spent(self, recording_id: int, run_id: int | None, usage: Usage) -> None:
        row = {"recording_id": recording_id, "run_id": run_id, "created_at": self._now()}
        rows = [{**row, **vars(usage)}]
        in_transaction(
            self._engine, lambda connection: insert_missing(connection, schema.usage, rows)
        )

    def retry(self, recording_id: int, accept_damaged: bool = False) -> bool:
        """Make a failed, dead or skipped recording due now, except one that was erased.

        Args:
            recording_id: Our number of the recording.
            accept_damaged: Whether it is transcribed as far as it can be decoded. Once accepted,
                it stays so.

        Returns:
            Whether it is due now; False where it is in another state.
        """
        values: dict[str, object] = {
            "status": RecordStatus.PENDING,
            "next_attempt_at": None,
            "skip_reason": None,
            "made_with": None,
            "updated_at": self._now(),
        }
        if accept_damaged:
            values["accept_damaged"] = True
        is_closed = and_(
            recordings.c.id == recording_id,
            recordings.c.status.in_(_CLOSED),
            func.coalesce(recordings.c.skip_reason, "") != ERASED,
        )

        def work(connection: Connection) -> bool:
            updated = connection.execute(recordings.update().where(is_closed).values(values))
            if updated.rowcount == 1:
                ledger.reopen(connection, recording_id)
            return updated.rowcount == 1

        return in_transaction(self._engine, work)


def _update(
    connection: Connection, recording_id: int, values: Mapping[str, Any], now: datetime
) -> None:
    changed = connection.execute(_CHANGE, {**values, "updated_at": now, "which": recording_id})
    if changed.rowcount == 0:
        raise RecordError("recording_gone", f"recording {recording_id} is not in the database")


def _save_transcript(
    connection: Connection, recording_id: int, transcript: Transcript, now: datetime
) -> None:
    results.check_size(connection, transcript)
    _update(connection, recording_id, {"transcript": transcript.text}, now)
    results.replace(connection, recording_id, transcript, now)


def _due_records(connection: Connection, numbers: Sequence[int]) -> Iterator[DueRecord]:
    crashes = due.crashes(connection) if numbers else {}
    for chunk in chunks(numbers):
        query = select(*META_COLUMNS).where(recordings.c.id.in_(chunk))
        rows = {row["id"]: row for row in connection.execute(query).mappings()}
        for number in chunk:
            yield _due_record(rows[number], crashes)


def _due_record(row: RowMapping, crashes: Mapping[int, int]) -> DueRecord:
    number = row["id"]
    return DueRecord(number, meta_of(row), crashes.get(number, 0), row["accept_damaged"])


def _students(connection: Connection, recording_id: int) -> list[str]:
    return list(connection.execute(_STUDENTS, {"which": recording_id}).scalars())
