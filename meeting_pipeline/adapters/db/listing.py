"""Rows of listed recordings; only what changed is written."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, or_, select

from meeting_pipeline.adapters.db.due import is_ready
from meeting_pipeline.adapters.db.erasure import not_erased
from meeting_pipeline.adapters.db.mapping import (
    DECIDES_ATTENDANCE,
    META_COLUMNS,
    attendance_row,
    meta_of,
    row_of,
    skipped_by_source,
    stays_of,
    tidy,
)
from meeting_pipeline.adapters.db.schema import attendance, recordings
from meeting_pipeline.adapters.db.types import MYSQL
from meeting_pipeline.adapters.db.writing import Row, chunks, mark_stale, upsert
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.stages import RecordNotes, RecordStatus
from meeting_pipeline.domain.students import (
    Attendance,
    attendance_of,
    doubts_about,
    students_of,
    with_length,
)

Stored = dict[str, RowMapping]

_KEYS = ("source", "record_id")
_BY_KEY = "FORCE INDEX (recordings_key)"
_UNDECIDED = (RecordStatus.WAITING, RecordStatus.PENDING)


@dataclass(frozen=True)
class _Change:
    """The change that a listing makes to one recording.

    Attributes:
        meta: The recording.
        row: The columns as they should be.
        attendance: Who attended, as it should be.
        before: The row as it is; None for a new recording.
    """

    meta: RecordMeta
    row: Row
    attendance: tuple[Attendance, ...]
    before: RowMapping | None

    def touches(self, columns: Collection[str]) -> bool:
        """Return whether any of these columns changes."""
        before = self.before
        return before is None or any(self.row[name] != before[name] for name in columns)


def in_order(listed: Sequence[RecordMeta]) -> list[RecordMeta]:
    """Return each recording once, as listed last, sorted by key.

    The order matters: concurrent writers then lock rows in the same order.
    """
    latest = {(meta.key.source, meta.key.record_id): tidy(meta) for meta in listed}
    return [latest[key] for key in sorted(latest)]


def write(
    connection: Connection, metas: Sequence[RecordMeta], teachers: Collection[str], now: datetime
) -> tuple[list[RecordMeta], list[RecordNotes]]:
    """Write listed recordings into rows; return those of them that are new, and all notes.

    Erased recordings get no row again, and what is left of them is not changed.

    Args:
        connection: A connection in a transaction.
        metas: The recordings, from `in_order`.
        teachers: Ids or names of people who are never students.
        now: The current time, aware UTC.
    """
    new: list[RecordMeta] = []
    notes: list[RecordNotes] = []
    metas = not_erased(connection, metas)
    for source, of_source in groupby(metas, key=lambda meta: meta.key.source):
        for chunk in chunks(of_source):
            stored = _stored(connection, source, [meta.key.record_id for meta in chunk])
            changes = [_change(meta, stored.get(meta.key.record_id), teachers) for meta in chunk]
            _write(connection, source, [one for one in changes if one.touches(one.row)], now)
            new += [meta for meta in chunk if meta.key.record_id not in stored]
            notes += [
                replace(RecordNotes.of(meta), notes=one.meta.notes)
                for meta, one in zip(chunk, changes, strict=True)
                if one.meta.notes
            ]
    return new, notes


def unknown(connection: Connection, metas: Sequence[RecordMeta]) -> list[RecordMeta]:
    """Return the recordings, of those from `in_order`, that have no row and may get one."""
    rows, metas = _rows(connection, metas, recordings.c.id), not_erased(connection, metas)
    return [meta for meta in metas if _key(meta) not in rows]


def numbered(
    connection: Connection, metas: Sequence[RecordMeta]
) -> Iterator[tuple[int, RecordMeta]]:
    """Yield each of the recordings that have rows with our number."""
    rows = _rows(connection, metas, recordings.c.id)
    return ((rows[_key(meta)]["id"], meta) for meta in metas)


def lacking_participants(connection: Connection, metas: Sequence[RecordMeta]) -> list[RecordMeta]:
    """Return the recordings from `in_order` whose participants can be asked for but are unknown."""
    known = recordings.c.participants.is_not(None).label("known")
    rows = _rows(connection, metas, recordings.c.status, known)
    return [meta for meta in metas if _lacks_participants(rows.get(_key(meta)))]


def _lacks_participants(row: RowMapping | None) -> bool:
    too_early_or_late = (RecordStatus.WAITING, RecordStatus.SKIPPED)
    return row is not None and not row["known"] and row["status"] not in too_early_or_late


def _key(meta: RecordMeta) -> tuple[str, str]:
    return meta.key.source, meta.key.record_id


def due(connection: Connection, metas: Sequence[RecordMeta], now: datetime) -> list[RowMapping]:
    """Return the rows of the recordings from `in_order` that are due, the oldest start first."""
    states = _rows(connection, metas, is_ready(now).label("ready"))
    ready = [meta for meta in metas if _key(meta) in states and states[_key(meta)]["ready"]]
    rows = _rows(connection, ready, *META_COLUMNS).values()
    return sorted(rows, key=lambda row: (row["start_ts"], row["id"]))


def _rows(
    connection: Connection, metas: Sequence[RecordMeta], *columns: ColumnElement[Any]
) -> dict[tuple[str, str], RowMapping]:
    """Return these columns of the existing rows, by key."""
    rows = {}
    for source, of_source in groupby(metas, key=lambda meta: meta.key.source):
        for chunk in chunks(meta.key.record_id for meta in of_source):
            query = select(recordings.c.source, recordings.c.record_id, *columns)
            query = query.where(_listed(source, chunk))
            for row in connection.execute(query).mappings():
                rows[row["source"], row["record_id"]] = row
    return rows


def _listed(source: str, record_ids: Sequence[str]) -> ColumnElement[bool]:
    return and_(recordings.c.source == source, recordings.c.record_id.in_(record_ids))


def _stored(connection: Connection, source: str, record_ids: Sequence[str]) -> Stored:
    """Lock and return the existing rows, whose status decides what they become.

    The index is forced so that rows are locked in the order of their keys, even in a small table
    that MySQL would scan: two writers that lock in different orders wait for each other.
    """
    query = select(*META_COLUMNS).where(_listed(source, record_ids)).with_for_update()
    rows = connection.execute(query.with_hint(recordings, _BY_KEY, MYSQL))
    return {row["record_id"]: row for row in rows.mappings()}


def _change(meta: RecordMeta, before: RowMapping | None, teachers: Collection[str]) -> _Change:
    if before is not None:
        meta = _with_known_facts(meta, before)
    present = attendance_of(meta, teachers)
    meta = tidy(replace(meta, notes=(*meta.notes, *doubts_about(meta, present))))
    return _Change(
        meta, {**row_of(meta, present), **_status_columns(meta, before)}, present, before
    )


def _with_known_facts(meta: RecordMeta, before: RowMapping) -> RecordMeta:
    """Complete a listed recording with facts that this listing does not contain."""
    if before["accept_damaged"]:
        meta = replace(meta, duration_s=None, end_ts=None)  # the container speaks of the whole file
    if meta.duration_s is None and before["duration_s"] is not None:
        meta = with_length(meta, before["duration_s"])
    return replace(
        meta,
        participants=stays_of(before["participants"])
        if meta.participants is None
        else meta.participants,
        play_url=meta.play_url or before["play_url"],
        download_url=meta.download_url or before["download_url"],
    )


def _status_columns(meta: RecordMeta, before: RowMapping | None) -> Row:
    """Return the status that a listing gives a recording; what a run decided is kept."""
    if before is not None and before["status"] is RecordStatus.DONE:
        return _columns(RecordStatus.DONE, before["skip_reason"], before["made_with"])
    if meta.skip_reason is not None:
        return _columns(RecordStatus.SKIPPED, meta.skip_reason, None)
    if before is None or before["status"] in _UNDECIDED or skipped_by_source(before):
        status = RecordStatus.PENDING if meta.is_final else RecordStatus.WAITING
        return _columns(status, None, None if before is None else before["made_with"])
    return _columns(before["status"], before["skip_reason"], before["made_with"])


def _columns(status: RecordStatus, skip_reason: str | None, made_with: str | None) -> Row:
    return {"status": status, "skip_reason": skip_reason, "made_with": made_with}


def _write(connection: Connection, source: str, changes: Sequence[_Change], now: datetime) -> None:
    rows = [{**one.row, "created_at": now, "updated_at": now} for one in changes]
    upsert(connection, recordings, rows, _KEYS)
    moved = [one for one in changes if one.touches(DECIDES_ATTENDANCE)]
    if moved:
        _replace_attendance(connection, source, moved)
    mark_stale(connection, {student for one in moved for student in _students(one)})


def note_length(
    connection: Connection,
    recording_id: int,
    duration_s: float,
    teachers: Collection[str],
    now: datetime,
) -> None:
    """Store the measured length of a recording, and what follows from it.

    Only if its source gives none, or gives that of a whole file of which a part is left.

    Args:
        connection: A connection in a transaction.
        recording_id: Our number of the recording.
        duration_s: The length of its decoded audio in seconds.
        teachers: Ids or names of people who are never students.
        now: The current time, aware UTC.
    """
    is_unknown = or_(recordings.c.duration_s.is_(None), recordings.c.accept_damaged)
    lacks = and_(recordings.c.id == recording_id, is_unknown)
    before = connection.execute(select(*META_COLUMNS).where(lacks).with_for_update())
    row = before.mappings().first()
    if row is None:
        return
    meta = meta_of(row)
    if row["accept_damaged"]:
        meta = replace(meta, end_ts=None)
    meta = with_length(meta, round(duration_s, 3))
    present = attendance_of(meta, teachers)
    status = {name: row[name] for name in ("status", "skip_reason", "made_with")}
    _write(
        connection,
        meta.key.source,
        [_Change(meta, {**row_of(meta, present), **status}, present, row)],
        now,
    )


def _replace_attendance(connection: Connection, source: str, changes: Sequence[_Change]) -> None:
    numbers = _numbers(connection, source, [one.meta.key.record_id for one in changes])
    connection.execute(delete(attendance).where(attendance.c.recording_id.in_(numbers.values())))
    rows = [
        attendance_row(numbers[one.meta.key.record_id], present)
        for one in changes
        for present in one.attendance
    ]
    upsert(connection, attendance, rows, ("recording_id", "person"))


def _numbers(connection: Connection, source: str, record_ids: Sequence[str]) -> dict[str, int]:
    query = select(recordings.c.record_id, recordings.c.id).where(_listed(source, record_ids))
    return {row.record_id: row.id for row in connection.execute(query)}


def _students(change: _Change) -> set[str]:
    """Return the students whose statistics may change: those before and those after it."""
    if change.before is None:
        return set()  # a new recording does not count for statistics yet
    return {*change.before["student_ids"], *students_of(change.attendance)}
