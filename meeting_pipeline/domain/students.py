"""Who taught, who learned, and how long each of them was there."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from meeting_pipeline.domain.model import Participant, RecordMeta, Role

Interval = tuple[datetime, datetime]


@dataclass(frozen=True)
class Attendance:
    """One person of one recording.

    person: the id this person is counted under (see Participant.person).
    intervals: when they were there while it was recorded, aware UTC, in order and disjoint.
    seconds: the sum of the intervals; 0.0 where the source does not credibly say when that was.
    """

    person: str
    name: str
    role: Role
    intervals: tuple[Interval, ...]
    seconds: float


def attendance_of(meta: RecordMeta, teachers: Collection[str]) -> tuple[Attendance, ...]:
    """Everybody whom the source lists, sorted by person; empty when nobody is known.

    teachers: ids or display names; they and `meta.teacher_id` are teachers, all others students.
    Rejoins and second devices do not count twice. An unknown join is the start of the recording and
    an unknown leave its end, where that is known. Stays that cannot be placed, or lie outside the
    recording (a wrong zone or year must not make a student vanish), count 0 seconds.
    """
    stays: dict[str, list[Participant]] = {}
    for stay in meta.participants or ():
        if stay.person:
            stays.setdefault(stay.person, []).append(stay)
    return tuple(_attendance(stays[person], meta, teachers) for person in sorted(stays))


def students_of(attendance: Iterable[Attendance]) -> tuple[str, ...]:
    """The persons who are students, in the given order."""
    return tuple(one.person for one in attendance if one.role is Role.STUDENT)


def teacher_allowed(meta: RecordMeta, teachers: Collection[str]) -> bool:
    """Whether the list of teachers lets this recording through; an empty list lets all through.

    The teacher may be listed by id or by display name. Where the source names no teacher,
    anybody on the list who was there will do; where it names nobody at all, the recording passes.
    """
    participants = meta.participants or ()
    if not teachers or (meta.teacher_id is None and not participants):
        return True
    hosts = [one for one in participants if meta.teacher_id in (None, one.person, one.name)]
    return meta.teacher_id in teachers or any(
        one.person in teachers or one.name in teachers for one in hosts
    )


def _attendance(
    stays: Sequence[Participant], meta: RecordMeta, teachers: Collection[str]
) -> Attendance:
    """What one person's stays amount to."""
    placed = (_placed(stay, meta) for stay in stays)
    intervals = _union(_clipped(interval, meta) for interval in placed if interval)
    person, names = stays[0].person, {stay.name for stay in stays if stay.name}
    taught = any(word in teachers or word == meta.teacher_id for word in (person, *names))
    return Attendance(
        person=person,
        name=min(names, default=""),
        role=Role.TEACHER if taught else Role.STUDENT,
        intervals=intervals,
        seconds=sum((left - joined for joined, left in intervals), timedelta()).total_seconds(),
    )


def _placed(stay: Participant, meta: RecordMeta) -> Interval | None:
    """When the stay was, or None where that is unknown or makes no sense (left before joined)."""
    end = _end(meta)
    if end is None and (stay.joined_at is None or stay.left_at is None):
        return None
    if stay.joined_at and stay.left_at and stay.left_at < stay.joined_at:
        return None
    joined, left = stay.joined_at or meta.start_ts, stay.left_at or end
    return (joined, left) if left is not None else None


def _clipped(interval: Interval, meta: RecordMeta) -> Interval:
    joined, left = interval
    return max(joined, meta.start_ts), min(left, _end(meta) or left)


def _end(meta: RecordMeta) -> datetime | None:
    """When the recording ended, or None where the source does not say so credibly."""
    end = meta.end_ts
    if end is None and meta.duration_s is not None:
        end = meta.start_ts + timedelta(seconds=meta.duration_s)
    return end if end is not None and end > meta.start_ts else None


def _union(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same instants as disjoint intervals in order; empty and inverted ones vanish."""
    merged: list[Interval] = []
    for joined, left in sorted(interval for interval in intervals if interval[0] < interval[1]):
        if merged and joined <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], left))
        else:
            merged.append((joined, left))
    return tuple(merged)
