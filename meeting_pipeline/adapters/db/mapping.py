"""Conversion between domain values and rows of `recordings` and `attendance`."""

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from meeting_pipeline.adapters.db.schema import recordings
from meeting_pipeline.adapters.db.types import NAME_LENGTH
from meeting_pipeline.adapters.db.writing import Row
from meeting_pipeline.domain.device_names import bare_name
from meeting_pipeline.domain.model import Participant, RecordKey, RecordMeta, Role
from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.domain.students import Attendance, students_of


def columns_of(kind: type[Any], *others: str) -> tuple[str, ...]:
    """Return the fields of a dataclass that are columns of the same name.

    Args:
        kind: The dataclass.
        others: Its fields that are not columns.
    """
    return tuple(field.name for field in fields(kind) if field.name not in others)


_LISTED = columns_of(RecordMeta, "key", "participants", "notes", "is_final", "skip_reason")
_DERIVED = ("student_ids", "participants", "notes", "status", "skip_reason", "made_with")
_ACCEPTED = ("accept_damaged",)  # by an operator; no listing changes it
META_COLUMNS = tuple(
    recordings.c[name] for name in ("id", "source", "record_id", *_LISTED, *_DERIVED, *_ACCEPTED)
)
"""The columns that `meta_of` needs; the large texts are not among them."""

DECIDES_ATTENDANCE = ("start_ts", "end_ts", "duration_s", "participants", "student_ids")
"""The columns that attendance is derived from; student_ids reflects the list of teachers."""


_MOST_NOTES = 50  # of one recording; a file of nothing but mistakes must not fill the database


def storable(text: str, length: int = NAME_LENGTH) -> str:
    """Return a text as a column can store it: valid UTF-8, stripped and truncated."""
    return text.encode(errors="replace").decode().strip()[:length]


def tidy(meta: RecordMeta) -> RecordMeta:
    """Return a recording with its texts as columns can store them."""
    stays = meta.participants
    return replace(
        meta,
        subject=storable(meta.subject),
        teacher_id=None if meta.teacher_id is None else storable(meta.teacher_id),
        participants=None if stays is None else tuple(_tidy_stay(stay) for stay in stays),
        notes=tuple(storable(note) for note in meta.notes[:_MOST_NOTES]),
    )


def row_of(meta: RecordMeta, attendance: Iterable[Attendance]) -> dict[str, object]:
    """Return the columns that a listing decides, except status, skip_reason and made_with."""
    return {
        "source": meta.key.source,
        "record_id": meta.key.record_id,
        "student_ids": list(students_of(attendance)),
        "participants": _stay_documents(meta.participants),
        "notes": list(meta.notes) or None,
        **{name: getattr(meta, name) for name in _LISTED},
    }


def meta_of(row: RowMapping) -> RecordMeta:
    """Return a recording as the source listed it last; the row has META_COLUMNS."""
    return RecordMeta(
        key=RecordKey(row["source"], row["record_id"]),
        participants=stays_of(row["participants"]),
        notes=tuple(row["notes"] or ()),
        is_final=row["status"] is not RecordStatus.WAITING,
        skip_reason=row["skip_reason"] if skipped_by_source(row) else None,
        **{name: row[name] for name in _LISTED},
    )


def skipped_by_source(row: RowMapping) -> bool:
    """Return whether the source, and not a stage, skipped the recording."""
    return row["status"] is RecordStatus.SKIPPED and row["made_with"] is None


def stays_of(documents: list[dict[str, str | None]] | None) -> tuple[Participant, ...] | None:
    """Return the stays in a `participants` column; None where the source does not know them."""
    if documents is None:
        return None
    return tuple(
        Participant(
            person_id=stay["person_id"],
            name=stay["name"] or "",
            joined_at=_instant(stay["joined_at"]),
            left_at=_instant(stay["left_at"]),
            role=Role(role) if (role := stay.get("role")) else None,
        )
        for stay in documents
    )


def attendance_row(recording_id: int, one: Attendance) -> Row:
    """Return the row for one person's attendance.

    Seconds are rounded to milliseconds, so that their sum is the same in any order.
    """
    return {
        "recording_id": recording_id,
        "person": one.person,
        "name": one.name,
        "role": one.role,
        "intervals": [[joined.isoformat(), left.isoformat()] for joined, left in one.intervals],
        "seconds": round(one.seconds, 3),
    }


def attendance_of_row(row: RowMapping) -> Attendance:
    """Return the attendance in a row."""
    return Attendance(
        person=row["person"],
        name=row["name"],
        role=row["role"],
        intervals=tuple(
            (datetime.fromisoformat(joined), datetime.fromisoformat(left))
            for joined, left in row["intervals"]
        ),
        seconds=row["seconds"],
    )


def _tidy_stay(stay: Participant) -> Participant:
    person_id = None if stay.person_id is None else storable(stay.person_id)
    return replace(stay, person_id=person_id, name=storable(bare_name(stay.name)))


def _stay_documents(stays: tuple[Participant, ...] | None) -> list[dict[str, str | None]] | None:
    if stays is None:
        return None
    return [
        {
            "person_id": stay.person_id,
            "name": stay.name,
            "joined_at": None if stay.joined_at is None else stay.joined_at.isoformat(),
            "left_at": None if stay.left_at is None else stay.left_at.isoformat(),
            **({"role": stay.role.value} if stay.role else {}),
        }
        for stay in stays
    ]


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
