"""Attendance: the teachers and students of a recording, and for how long each was present."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from meeting_pipeline.domain.model import Participant, RecordMeta, Role

Interval = tuple[datetime, datetime]


@dataclass(frozen=True)
class Attendance:
    """The presence of one person in one recording.

    Attributes:
        person: The id that this person is counted under (see `Participant.person`).
        name: The display name.
        role: Teacher or student.
        intervals: When they were present during the recording; aware UTC, sorted, disjoint.
        seconds: The sum of the intervals; 0.0 if the source gives no credible times.
    """

    person: str
    name: str
    role: Role
    intervals: tuple[Interval, ...]
    seconds: float


def attendance_of(meta: RecordMeta, teachers: Collection[str]) -> tuple[Attendance, ...]:
    """Return the attendance of every participant, sorted by person.

    Time on two devices, or before and after a rejoin, is counted once. A stay without a join time
    begins with the recording, and one without a leave time ends with it. Stays outside the
    recording, or without usable times, count 0 seconds: a wrong time zone must not remove a student
    from the list.

    Args:
        meta: The recording; its owner (`meta.teacher_id`) is a teacher.
        teachers: Ids or display names of teachers; everyone else is a student.
    """
    stays: dict[str, list[Participant]] = {}
    for stay in meta.participants or ():
        if stay.person:
            stays.setdefault(stay.person, []).append(stay)
    return tuple(_attendance(stays[person], meta, teachers) for person in sorted(stays))


def with_length(meta: RecordMeta, duration_s: float) -> RecordMeta:
    """Return a recording with its measured length, and the end that follows if it has none.

    Args:
        meta: A recording whose source gives no length.
        duration_s: The length of its decoded audio in seconds.
    """
    end = meta.end_ts or meta.start_ts + timedelta(seconds=duration_s)
    return replace(meta, duration_s=duration_s, end_ts=end)


def students_of(attendance: Iterable[Attendance]) -> tuple[str, ...]:
    """Return the persons who are students, in the given order."""
    return tuple(one.person for one in attendance if one.role is Role.STUDENT)


def teacher_allowed(meta: RecordMeta, teachers: Collection[str]) -> bool:
    """Return whether the list of teachers admits this recording.

    If the source names no teacher, any participant on the list admits it. If it names no one at
    all, the recording is admitted.

    Args:
        meta: The recording.
        teachers: Ids or display names; an empty list admits every recording.
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
    """Return the attendance of one person from all of their stays."""
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
    """Return the interval of a stay, or None if it is unknown or inverted (left before joined)."""
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
    """Return when the recording ended, or None if the source gives no credible end."""
    end = meta.end_ts
    if end is None and meta.duration_s is not None:
        end = meta.start_ts + timedelta(seconds=meta.duration_s)
    return end if end is not None and end > meta.start_ts else None


def _union(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the union as sorted disjoint intervals; empty and inverted ones are dropped."""
    merged: list[Interval] = []
    for joined, left in sorted(interval for interval in intervals if interval[0] < interval[1]):
        if merged and joined <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], left))
        else:
            merged.append((joined, left))
    return tuple(merged)
