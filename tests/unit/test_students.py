"""Who was there, as what, and for how long."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.domain.model import Participant, RecordKey, RecordMeta, Role
from meeting_pipeline.domain.students import (
    Attendance,
    attendance_of,
    doubts_about,
    students_of,
    teacher_allowed,
)

START = datetime(2026, 1, 5, 11, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def stay(
    person: str | None, joined: float | None, left: float | None, name: str = "小李"
) -> Participant:
    return Participant(
        person,
        name,
        None if joined is None else at(joined),
        None if left is None else at(left),
    )


def recorded(
    *participants: Participant,
    teacher_id: str | None = None,
    end: datetime | None = START + HOUR,
    duration_s: float | None = None,
) -> RecordMeta:
    return RecordMeta(
        key=RecordKey("tencent", "13339451618278424869"),
        start_ts=START,
        subject="简历优化 第三次",
        end_ts=end,
        duration_s=duration_s,
        teacher_id=teacher_id,
        participants=participants,
    )


def only(meta: RecordMeta, teachers: tuple[str, ...] = ()) -> Attendance:
    (attendance,) = attendance_of(meta, teachers)
    return attendance


def test_rejoins_and_second_devices_do_not_count_twice() -> None:
    meta = recorded(stay("li", 0, 30), stay("li", 10, 20), stay("li", 25, 40), stay("li", 50, 55))
    assert only(meta).intervals == ((at(0), at(40)), (at(50), at(55)))
    assert only(meta).seconds == 45 * 60


def test_time_before_and_after_the_recording_does_not_count() -> None:
    assert only(recorded(stay("li", -15, 90))).intervals == ((START, START + HOUR),)


WRONG_YEAR = -365 * 24 * 60


@pytest.mark.parametrize(
    ("joined", "left"),
    [(-30, -5), (60, 80), (None, -5), (75, None), (WRONG_YEAR, WRONG_YEAR + 60), (480, 540)],
)
def test_who_was_listed_outside_the_recording_is_still_a_student(
    joined: float | None, left: float | None
) -> None:
    attendance = attendance_of(recorded(stay("li", joined, left), stay("t1", 0, 60)), ("t1",))
    assert students_of(attendance) == ("li",)
    assert (attendance[0].intervals, attendance[0].seconds) == ((), 0)


def test_unknown_times_are_the_bounds_of_the_recording() -> None:
    assert only(recorded(stay("li", None, None))).seconds == 3600
    assert only(recorded(stay("li", 15, None))).seconds == 45 * 60
    assert only(recorded(stay("li", None, 15))).seconds == 15 * 60


def test_the_duration_stands_in_for_an_unknown_end() -> None:
    assert only(recorded(stay("li", 10, None), end=None, duration_s=1200)).seconds == 600


def test_without_any_end_only_stays_with_both_times_count() -> None:
    meta = recorded(stay("li", 10, 20), stay("wu", 10, None), stay("xu", None, 20), end=None)
    seconds = {one.person: one.seconds for one in attendance_of(meta, ())}
    assert seconds == {"li": 600, "wu": 0, "xu": 0}


def test_an_end_that_is_not_after_the_start_is_no_end() -> None:
    assert only(recorded(stay("li", 10, 20), end=START)).seconds == 600


def test_a_stay_that_ends_before_it_begins_counts_nothing_but_the_person_is_listed() -> None:
    attendance = only(recorded(stay("li", 40, 10)))
    assert (attendance.intervals, attendance.seconds) == ((), 0)


def test_people_without_an_id_are_counted_under_their_display_name() -> None:
    meta = recorded(stay(None, 0, 10, "王同学"), stay(None, 20, 30, "王同学"), stay(None, 0, 5, ""))
    assert only(meta).person == "王同学"
    assert only(meta).seconds == 20 * 60


@pytest.mark.parametrize("teachers", [("t1",), ("赵老师",)])
def test_teachers_are_known_by_id_or_display_name(teachers: tuple[str, ...]) -> None:
    meta = recorded(stay("t1", 0, 60, "赵老师"), stay("li", 0, 60))
    attendance = attendance_of(meta, teachers)
    assert [(one.person, one.role) for one in attendance] == [
        ("li", Role.STUDENT),
        ("t1", Role.TEACHER),
    ]
    assert students_of(attendance) == ("li",)


def test_the_teacher_of_the_recording_is_no_student_without_any_list() -> None:
    meta = recorded(stay("t1", 0, 60, "赵老师"), stay("li", 0, 60), teacher_id="t1")
    assert students_of(attendance_of(meta, ())) == ("li",)


@pytest.mark.parametrize(
    "names",
    [
        ["iPhone", "王小明"],
        ["iPhone", "iPhone", "王小明"],
        ["王小明的iPad", "王小明的iPad", "王小明"],
        ["王小明", "A1", "王小明"],
        [" 王小明 ", "华为 Mate 40", "华为 Mate 40"],
    ],
)
def test_a_person_has_the_name_of_a_person_that_is_used_most(names: list[str]) -> None:
    assert only(recorded(*(stay("li", 0, 10, name) for name in names))).name == "王小明"


def test_of_two_names_the_one_that_was_there_longer_counts() -> None:
    meta = recorded(stay("li", 0, 5, "A"), stay("li", 5, 60, "王小明"))
    assert only(meta).name == "王小明"
    assert only(recorded(stay("li", 0, 5, "iPhone"))).name == "iPhone", "better than none"


def test_blanks_around_a_name_make_no_other_guest() -> None:
    names = ("王小明", " 王小明", "王小明\u3000", "\u200b王小明 ")
    meta = recorded(*(stay(None, 10 * n, 10 * n + 10, name) for n, name in enumerate(names)))
    assert (only(meta).person, only(meta).name, only(meta).seconds) == ("王小明", "王小明", 2400)


@pytest.mark.parametrize(
    "other",
    [
        stay(None, 0, 60, "赵老师"),
        stay(None, 0, 60, "赵老师的iPhone"),
        stay(None, 0, 60, "赵老师（手机）"),
        stay("u9", 0, 60, "赵老师 iPad"),
        Participant("u9", "钱老师", role=Role.TEACHER),
    ],
)
def test_a_guest_or_device_with_the_name_of_a_teacher_is_the_teacher(other: Participant) -> None:
    meta = recorded(stay("t1", 0, 60, "赵老师"), other, stay("li", 0, 60), teacher_id="t1")
    assert students_of(attendance_of(meta, ())) == ("li",)
    assert doubts_about(meta, attendance_of(meta, ())) == ()


@pytest.mark.parametrize(
    ("other", "doubt"),
    [
        (stay("u9", 0, 60, "赵老师"), "赵老师 (u9) is counted as a student; if they teach"),
        (stay("u9", 0, 60, "钱老师"), "钱老师 (u9) is counted as a student; if they teach"),
        (stay(None, 0, 60, "小李"), "小李 without an id is another student than li"),
        (stay(None, 0, 60, "iPhone"), "iPhone is the name of a device"),
        (stay(None, 0, 60, "小李（手机）"), "小李（手机） is counted as another student than 小李"),
    ],
)
def test_a_student_who_may_be_none_is_one_and_is_named(other: Participant, doubt: str) -> None:
    meta = recorded(stay("t1", 0, 60, "赵老师"), other, stay("li", 0, 60), teacher_id="t1")
    attendance = attendance_of(meta, ())
    assert set(students_of(attendance)) == {"li", other.person}
    [told] = doubts_about(meta, attendance)
    assert told.startswith(doubt)


def test_nobody_known_is_nobody_listed() -> None:
    assert attendance_of(replace(recorded(), participants=None), ("t1",)) == ()


MINUTES = st.none() | st.integers(-90, 150)
STAYS = st.lists(st.builds(stay, st.sampled_from(["li", "wu", None]), MINUTES, MINUTES), max_size=6)
ENDS = st.sampled_from([START + HOUR, None])


@given(STAYS, ENDS)
def test_nobody_is_there_longer_than_the_recording(stays: list[Participant], end: datetime) -> None:
    for one in attendance_of(recorded(*stays, end=end), ()):
        assert one.seconds == sum((b - a).total_seconds() for a, b in one.intervals)
        assert end is None or 0 <= one.seconds <= 3600
        edges = [edge for interval in one.intervals for edge in interval]
        assert edges == sorted(set(edges))


@given(STAYS, ENDS)
def test_nobody_who_is_listed_gets_lost(stays: list[Participant], end: datetime | None) -> None:
    counted = [one.person for one in attendance_of(recorded(*stays, end=end), ())]
    assert counted == sorted({one.person for one in stays})


@given(STAYS, ENDS, st.randoms(use_true_random=False))
def test_the_order_of_stays_means_nothing(
    stays: list[Participant], end: datetime | None, random: Random
) -> None:
    shuffled = random.sample(stays, len(stays))
    before = attendance_of(recorded(*stays, end=end), ("wu",))
    assert attendance_of(recorded(*shuffled, end=end), ("wu",)) == before


@given(STAYS)
def test_attendance_made_into_stays_is_the_same_attendance(stays: list[Participant]) -> None:
    seen = [one for one in attendance_of(recorded(*stays), ()) if one.intervals]
    again = [
        Participant(one.person, one.name, joined, left)
        for one in seen
        for joined, left in one.intervals
    ]
    assert attendance_of(recorded(*again), ()) == tuple(seen)


@given(STAYS, st.builds(stay, st.just("li"), MINUTES, MINUTES))
def test_one_more_stay_never_lowers_the_time(stays: list[Participant], more: Participant) -> None:
    def seconds(*participants: Participant) -> float:
        found = {one.person: one.seconds for one in attendance_of(recorded(*participants), ())}
        return found.get("li", 0)

    assert seconds(*stays, more) >= seconds(*stays)


LISTED = ("t1", "赵老师")


@pytest.mark.parametrize(
    ("meta", "allowed"),
    [
        (recorded(teacher_id="t1"), True),
        (recorded(teacher_id="t2"), False),
        (recorded(stay("t2", 0, 60, "赵老师"), teacher_id="t2"), True),
        (recorded(stay("t2", 0, 60, "钱老师"), stay("t1", 0, 60), teacher_id="t2"), False),
        (recorded(stay("t1", 0, 60)), True),
        (recorded(stay("t9", 0, 60, "赵老师")), True),
        (recorded(stay("li", 0, 60)), False),
        (recorded(), True),
        (replace(recorded(), participants=None), True),
    ],
)
def test_only_recordings_of_listed_teachers_pass(meta: RecordMeta, allowed: bool) -> None:
    assert teacher_allowed(meta, LISTED) is allowed


def test_without_a_list_every_recording_passes() -> None:
    assert teacher_allowed(recorded(teacher_id="t2"), ())
