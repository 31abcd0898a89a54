"""Attendance: the teachers and students of a recording, and for how long each was present."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from meeting_pipeline.domain.device_names import bare_name, is_device, owner_of, plainness
from meeting_pipeline.domain.model import Participant, RecordMeta, Role

Interval = tuple[datetime, datetime]

_CALLED_TEACHER = re.compile("老师|教师|导师|teacher", re.IGNORECASE)
_MAY_TEACH = "is counted as a student; if they teach, add them to TEACHER_WHITELIST"


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
        teachers: Ids or display names of teachers. Everyone else is a student, except whom the
            source calls a teacher, and guests and devices with the name of a teacher.
    """
    stays: dict[str, list[Participant]] = {}
    for stay in meta.participants or ():
        if person := bare_name(stay.person):
            stays.setdefault(person, []).append(stay)
    teaching = _teaching(stays, {*teachers, meta.teacher_id or ""} - {""})
    return tuple(
        _attendance(
            person, stays[person], meta, Role.TEACHER if person in teaching else Role.STUDENT
        )
        for person in sorted(stays)
    )


def doubts_about(meta: RecordMeta, attendance: Sequence[Attendance]) -> tuple[str, ...]:
    """Return a sentence for each student who may be a teacher, or a device of another person.

    Args:
        meta: The recording.
        attendance: Its attendance.
    """
    has_id = {stay.person_id for stay in meta.participants or ()}
    teachers = {one.name for one in attendance if one.role is Role.TEACHER} - {""}
    names = {one.name: one.person for one in attendance if one.name and one.person in has_id}
    guests = {one.name for one in attendance if one.person not in has_id}
    doubts = []
    for one in attendance:
        name, owner = one.name or one.person, owner_of(one.name)
        if one.role is Role.TEACHER:
            continue
        if one.name in teachers or _CALLED_TEACHER.search(name):
            doubts.append(f"{name} ({one.person}) {_MAY_TEACH}")
        elif one.person not in has_id and is_device(name):
            doubts.append(f"{name} is the name of a device and is counted as a student")
        elif one.person not in has_id and name in names:
            doubts.append(f"{name} without an id is another student than {names[name]}")
        elif one.person not in has_id and (owner in names or owner in guests):
            doubts.append(f"{name} is counted as another student than {owner}")
    return tuple(doubts)


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


def _teaching(stays: Mapping[str, Sequence[Participant]], teachers: Collection[str]) -> set[str]:
    """Return the persons who are teachers: by list, by role, or as a guest or device of one.

    A guest has no id. One with the name of a teacher is that teacher, and so is
    anyone whose only name is that of a teacher's device, with an id or without.
    """
    names = {
        person: {bare_name(stay.name) for stay in theirs} - {""} for person, theirs in stays.items()
    }
    teaching = {
        person
        for person, theirs in stays.items()
        if any(word in teachers for word in (person, *names[person]))
        or any(stay.role is Role.TEACHER for stay in theirs)
    }
    known = {*teachers}.union(*(names[person] for person in teaching))
    known = {name for name in known if not is_device(name)}
    for person, theirs in stays.items():
        is_guest = all(stay.person_id is None for stay in theirs)
        called = names[person]
        if (is_guest and called & known) or (
            called and {owner_of(name) for name in called} <= known
        ):
            teaching.add(person)
    return teaching


def _attendance(
    person: str, stays: Sequence[Participant], meta: RecordMeta, role: Role
) -> Attendance:
    """Return the attendance of one person from all of their stays."""
    intervals = _present(stays, meta)
    return Attendance(
        person=person,
        name=_best_name(stays, meta),
        role=role,
        intervals=intervals,
        seconds=_seconds(intervals),
    )


def _best_name(stays: Sequence[Participant], meta: RecordMeta) -> str:
    """Return the name of a person rather than of a device, the one used most often, and longest."""
    by_name: dict[str, list[Participant]] = {}
    for stay in stays:
        if name := bare_name(stay.name):
            by_name.setdefault(name, []).append(stay)

    def rank(name: str) -> tuple[int, int, float, str]:
        theirs = by_name[name]
        return -plainness(name), -len(theirs), -_seconds(_present(theirs, meta)), name

    return min(by_name, key=rank, default="")


def _present(stays: Iterable[Participant], meta: RecordMeta) -> tuple[Interval, ...]:
    placed = (_placed(stay, meta) for stay in stays)
    return _union(_clipped(interval, meta) for interval in placed if interval)


def _seconds(intervals: Iterable[Interval]) -> float:
    return sum((left - joined for joined, left in intervals), timedelta()).total_seconds()


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
