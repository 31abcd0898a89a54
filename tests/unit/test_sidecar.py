"""What people write beside a recording, and what becomes of what cannot be read."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.adapters.db import schema
from meeting_pipeline.adapters.sources.sidecar import (
    MEETING_ID_LENGTH,
    NAME_LENGTH,
    Sidecar,
    read_sidecar,
)
from meeting_pipeline.domain.model import Participant

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 1, 5, 11, 30, tzinfo=UTC)
NOW = START + timedelta(hours=12)
LONG_ID = "13339451618278424869"


def read(text: str | bytes) -> Sidecar:
    content = text if isinstance(text, bytes) else text.encode()
    return read_sidecar(content, SHANGHAI, NOW, lambda: START)


def wrote(**fields: object) -> Sidecar:
    return read(json.dumps(fields, ensure_ascii=False))


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def test_a_full_sidecar_is_read() -> None:
    sidecar = wrote(
        meeting_id="7566173273889276131",
        meeting_code="445 999 969",
        meeting_record_id="1340000000000000001",
        subject="模拟面试 王同学",
        teacher_id="t1",
        start_ts="2026-01-05T20:00:00+08:00",
        end_ts="2026-01-05T21:00:00+08:00",
        participants=[{"userid": "s1", "name": "王同学", "join": at(31).isoformat()}],
    )
    assert sidecar == Sidecar(
        start_ts=at(30),
        end_ts=at(90),
        subject="模拟面试 王同学",
        meeting_id="7566173273889276131",
        meeting_code="445 999 969",
        meeting_record_id="1340000000000000001",
        teacher_id="t1",
        participants=(Participant("s1", "王同学", at(31), None),),
    )


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-05T19:35:00+08:00",
        "2026-01-05T11:35:00Z",
        "2026-01-05 19:35:00",
        "2026/1/5 19:35",
        1767612900,
        "1767612900",
        1767612900000,
        "1767612900000",
        1767612900.0,
        300,
        "300",
        300.0,
        "19:35:00",
        "19:35",
    ],
)
def test_a_join_time_may_be_written_in_many_ways(written: object) -> None:
    sidecar = wrote(participants=[{"name": "王同学", "joined_at": written}])
    assert sidecar.problems == ()
    assert sidecar.participants == (Participant(None, "王同学", at(5), None),)


def test_numbers_without_their_point_count_from_the_start_of_the_sidecar() -> None:
    sidecar = wrote(start="2026-01-05 20:00", participants=[{"id": "s1", "left": 600}])
    assert sidecar.participants == (Participant("s1", "", None, at(40)),)


def test_a_lesson_may_begin_now_and_end_later() -> None:
    """The end may be counted from a file time, which is late by the length of the recording."""
    sidecar = wrote(start=NOW.isoformat(), end=3600)
    assert sidecar == Sidecar(NOW, end_ts=NOW + timedelta(hours=1))


def test_a_clock_time_after_midnight_belongs_to_the_next_day() -> None:
    sidecar = wrote(
        start="2026-01-05 23:30", participants=[{"id": "s1", "join": "23:40", "left": "0:20"}]
    )
    assert sidecar.participants == (Participant("s1", "", at(250), at(290)),)


@pytest.mark.parametrize("key", ["meeting_id", "meetingId", "MEETING-ID", "meetingid"])
def test_the_spelling_of_a_field_does_not_matter(key: str) -> None:
    assert wrote(**{key: "1"}).meeting_id == "1"


@pytest.mark.parametrize("key", ["teacher_id", "teacher", "host", "host_user_id", "hostName"])
def test_the_teacher_goes_by_many_names(key: str) -> None:
    assert wrote(**{key: "赵老师"}).teacher_id == "赵老师"
    assert wrote(**{key: {"userid": "t1", "name": "赵老师"}}).teacher_id == "t1"
    assert wrote(**{key: {"name": "赵老师"}}).teacher_id == "赵老师"


def test_ids_written_as_numbers_keep_every_digit() -> None:
    text = f'{{"meeting_id": {LONG_ID}, "participants": [{{"user_id": {LONG_ID}}}, {LONG_ID}]}}'
    sidecar = read(text)
    assert sidecar.meeting_id == LONG_ID
    assert [one.person for one in sidecar.participants or ()] == [LONG_ID, LONG_ID]


def test_plain_words_are_display_names() -> None:
    assert wrote(participants=["王同学", " 赵老师 "]).participants == (
        Participant(None, "王同学"),
        Participant(None, "赵老师"),
    )


def test_intervals_are_stays_of_one_person() -> None:
    sidecar = wrote(participants=[{"id": "s1", "intervals": [[0, 600], ["19:45", None]]}])
    assert sidecar.participants == (
        Participant("s1", "", at(0), at(10)),
        Participant("s1", "", at(15), None),
    )


def test_nothing_written_is_nothing_known() -> None:
    assert wrote() == Sidecar(START)
    assert wrote(subject=None, end_ts="", participants=None) == Sidecar(START)


def test_an_empty_list_is_nobody_rather_than_unknown() -> None:
    assert wrote(participants=[]).participants == ()


def test_a_byte_order_mark_does_no_harm() -> None:
    assert read(b"\xef\xbb\xbf" + '{"subject": "简历"}'.encode()).subject == "简历"


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-8", "utf-8-sig", "utf-16"])
def test_every_encoding_of_a_chinese_office_is_read(encoding: str) -> None:
    text = '{"subject": "简历优化", "participants": [{"id": "s1", "姓名": "", "name": "王同学"}]}'
    sidecar = read(text.encode(encoding))
    assert sidecar == Sidecar(
        START, subject="简历优化", participants=(Participant("s1", "王同学"),)
    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"not json",
        "{“subject”：“简历”".encode("gbk"),
        b'{"subject" "x"}',
        b"{'subject': 'x",
        b"[" * 100_000,
        b"{\xff}",
    ],
)
def test_what_is_no_json_is_named_and_nothing_is_taken_from_it(text: bytes) -> None:
    sidecar = read(text)
    [problem] = sidecar.problems
    assert problem.startswith("it is not valid JSON in UTF-8, UTF-16 or GB18030")
    assert replace(sidecar, problems=()) == Sidecar(START)


@pytest.mark.parametrize("text", ["[]", "1", '"王同学"', "null"])
def test_what_is_no_object_is_named(text: str) -> None:
    assert read(text) == Sidecar(START, problems=("it is not a JSON object",))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"start_time": "昨天"}, "start_time is not a time: '昨天'"),
        ({"start_ts": 300}, "start_ts is not a time: '300'"),
        (
            {"start_ts": "19:30"},
            "start_ts has no date: write it as 2026-01-05 19:30: '19:30'",
        ),
        ({"start_ts": True}, "start_ts is not a time: 'True'"),
        ({"end": "2026-02-30"}, "end is not a time: '2026-02-30'"),
        ({"end": "25:00"}, "end is not a time: '25:00'"),
        ({"end": "2026-01-05 19:00"}, "end is not after the start"),
        ({"start": "2031-05-05 19:30"}, "start is in the future: correct it"),
        ({"begin_time": "1970-01-01 07:59"}, "begin_time is before 1970: correct it"),
        ({"end_ts": "2031-05-05 20:30"}, "end_ts is in the future: correct it"),
        ({"subject": ["简历"]}, "subject is not text"),
        ({"subject": "\ud83d"}, "subject is not text"),
        ({"meetingId": {"a": 1}}, "meetingId is not text"),
    ],
)
def test_a_bad_field_is_left_out_and_named(fields: dict[str, object], problem: str) -> None:
    sidecar = read(json.dumps(fields))
    assert sidecar == Sidecar(START, problems=(problem,))


@pytest.mark.parametrize(
    ("person", "problem"),
    [
        ({"name": "王同学", "join_time": "早"}, "participants[1].join_time is not a time: '早'"),
        ({"name": "王同学", "left": {}}, "participants[1].left is not a time: 'dict'"),
        ({"name": "王同学", "id": [1]}, "participants[1].id is not text"),
        (
            {"name": "王同学", "intervals": [[1, 2, 3]]},
            "participants[1].intervals[0] is not a pair of times",
        ),
        (
            {"name": "王同学", "intervals": "1-2"},
            "participants[1].intervals is not a list of pairs of times",
        ),
        (
            {"name": "王同学", "intervals": [[None, "x"]]},
            "participants[1].intervals[0].left is not a time: 'x'",
        ),
    ],
)
def test_a_bad_time_does_not_lose_the_person(person: dict[str, object], problem: str) -> None:
    sidecar = wrote(participants=["赵老师", person])
    assert sidecar.participants == (Participant(None, "赵老师"), Participant(None, "王同学"))
    assert sidecar.problems == (problem,)


@pytest.mark.parametrize("nobody", [{}, {"join": 0}, None, "", [], True])
def test_a_person_without_id_and_name_is_left_out_and_named(nobody: object) -> None:
    sidecar = wrote(participants=[nobody, "王同学"])
    assert sidecar.participants == (Participant(None, "王同学"),)
    assert "participants[0] has neither an id nor a name" in sidecar.problems


@pytest.mark.parametrize("field", ["meeting_id", "meeting_code", "meeting_record_id"])
def test_an_id_is_kept_whole_or_left_out_and_named(field: str) -> None:
    longest = "会" * MEETING_ID_LENGTH
    assert getattr(wrote(**{field: longest}), field) == longest
    problem = f"{field} is longer than 64 characters"
    assert wrote(**{field: longest + "议"}) == Sidecar(START, problems=(problem,))


def test_a_person_keeps_what_fits() -> None:
    long = "王" * (NAME_LENGTH + 1)
    sidecar = wrote(
        teacher={"id": long, "name": "赵老师"},
        participants=[{"id": long, "name": "王同学"}, {"id": "s2", "name": long}, long],
    )
    assert sidecar.teacher_id == "赵老师"
    assert sidecar.participants == (Participant(None, "王同学"), Participant("s2", ""))
    assert sidecar.problems == (
        "teacher.id is longer than 255 characters",
        "participants[0].id is longer than 255 characters",
        "participants[1].name is longer than 255 characters",
        "participants[2].name is longer than 255 characters",
        "participants[2] has neither an id nor a name",
    )


def test_what_fits_here_fits_into_the_tables() -> None:
    recordings, attendance = schema.recordings.c, schema.attendance.c
    ids = (recordings.meeting_id, recordings.meeting_code, recordings.meeting_record_id)
    names = (recordings.teacher_id, attendance.person, attendance.name)
    assert {str(column.type) for column in ids} == {f"VARCHAR({MEETING_ID_LENGTH})"}
    assert {str(column.type) for column in names} == {f"VARCHAR({NAME_LENGTH})"}


def people(sidecar: Sidecar) -> list[tuple[str, str]]:
    """Who was there, and as what."""
    return [(one.person, one.role or "") for one in sidecar.participants or ()]


WANG, LI, ZHAO = ("王同学", ""), ("李同学", ""), ("赵老师", "teacher")


@pytest.mark.parametrize("key", ["students", "Student", "student_name", "学生", "学员", "学生姓名"])
@pytest.mark.parametrize("teacher", ["teacher", "老师", "授课老师", "host", "主持人"])
def test_teachers_and_students_may_be_named_apart(key: str, teacher: str) -> None:
    sidecar = wrote(**{teacher: "赵老师", key: ["王同学"]})
    assert (sidecar.teacher_id, people(sidecar)) == ("赵老师", [ZHAO, WANG])
    assert people(wrote(**{teacher: "赵老师", key: "王同学"})) == [ZHAO, WANG]
    assert sidecar.problems == ()


@pytest.mark.parametrize(
    "listed",
    [
        "王同学、李同学",
        "王同学，李同学",
        "王同学; 李同学\n",
        ["王同学", "李同学"],
        [{"姓名": "王同学"}, {"Display Name": "李同学", "角色": "学生"}],
        [{"student": "王同学"}, {"学员": "李同学"}],
        {"students": ["王同学", "李同学"]},
        {"学生": "王同学、李同学"},
        {"王同学": "学生", "李同学": {"加入时间": "19:30", "离开时间": "20：30"}},
    ],
)
def test_participants_may_have_any_shape(listed: object) -> None:
    for key in ("participants", "Attendees", "members", "参会人", "参会人员"):
        sidecar = wrote(**{key: listed})
        assert (people(sidecar), sidecar.problems) == ([WANG, LI], ())


@pytest.mark.parametrize(
    "listed",
    [
        {"teacher": "赵老师", "student": "王同学"},
        {"老师": ["赵老师"], "学生": ["王同学"]},
        [{"name": "赵老师", "role": "Teacher"}, "王同学"],
        [{"姓名": "赵老师", "角色": "讲师"}, {"name": "王同学", "role": "student"}],
        [{"name": "赵老师", "is_host": True}, {"name": "王同学", "isHost": False}],
        [{"name": "赵老师", "是否主持人": "是"}, {"name": "王同学", "是否主持人": "否"}],
        [{"user_name": "赵老师", "user_role": 3}, {"user_name": "王同学", "user_role": 0}],
        [{"teacher": "赵老师"}, {"student": "王同学"}],
    ],
)
def test_whoever_is_called_a_teacher_is_one(listed: object) -> None:
    sidecar = wrote(participants=listed)
    assert (sidecar.teacher_id, people(sidecar), sidecar.problems) == ("赵老师", [ZHAO, WANG], ())


@pytest.mark.parametrize(
    "listed",
    [
        "老师：赵老师 学生：王同学",
        "老师:赵老师，学生: 王同学",
        "Teacher: 赵老师; Student: 王同学",
        "主讲老师：赵老师\n学员 ：王同学",
        ["老师：赵老师", "学生：王同学"],
        ["老师：赵老师 学生：王同学"],
    ],
)
def test_words_for_roles_in_a_text_are_no_part_of_a_name(listed: object) -> None:
    sidecar = wrote(participants=listed)
    assert (sidecar.teacher_id, people(sidecar), sidecar.problems) == ("赵老师", [ZHAO, WANG], ())


def test_several_names_may_follow_a_role_and_other_words_stay_in_the_name() -> None:
    assert people(wrote(participants="学生：王同学 李同学")) == [WANG, LI]
    assert people(wrote(participants="王同学，学生：李同学，老师：赵老师")) == [WANG, LI, ZHAO]
    assert people(wrote(participants="Students: Ann Lee, Bo Xu")) == [
        ("Ann Lee", ""),
        ("Bo Xu", ""),
    ]
    assert people(wrote(participants="组长：王同学")) == [("组长：王同学", "")]


@pytest.mark.parametrize("count", [5, 5.0, "5", "5人", "12 名", "3 个人"])
@pytest.mark.parametrize("key", ["students", "participants", "参会人员", "学生"])
def test_a_number_of_people_names_none_of_them(key: str, count: object) -> None:
    sidecar = wrote(teacher="赵老师", **{key: count})
    assert (sidecar.teacher_id, sidecar.participants) == ("赵老师", None)
    [problem] = sidecar.problems
    assert problem.startswith(f"{key} is a number of people, give their names")


def test_a_number_may_be_the_id_of_a_person() -> None:
    assert people(wrote(student_id=5)) == [("5", "")]
    assert people(wrote(participants=[5])) == [("5", "")]
    assert wrote(participants={"老师": "赵老师", "学生": 2}).problems
    assert people(wrote(participants={"老师": "赵老师", "学生": 2})) == [ZHAO]


def test_a_teacher_is_found_among_the_participants_by_id_name_or_address() -> None:
    there = [{"id": "w", "name": "王同学"}, {"name": "赵老师", "user_email": "Zhao@x.cn"}]
    by_name = wrote(teacher={"id": "t1", "name": "赵老师"}, participants=there)
    assert (by_name.teacher_id, people(by_name)) == ("t1", [("w", ""), ZHAO])
    by_address = wrote(host_email="zhao@x.cn", participants=there)
    assert (by_address.teacher_id, people(by_address)) == ("赵老师", [("w", ""), ZHAO])
    several = wrote(teacher_id="t1", teacher_name="赵老师", participants=["王同学", "赵老师"])
    assert (several.teacher_id, people(several)) == ("t1", [WANG, ZHAO])


def test_ids_of_persons_may_be_the_names_of_fields() -> None:
    sidecar = wrote(participants={"s1": "王同学", "s2": {"name": "李同学", "join": 60}})
    assert sidecar.participants == (
        Participant("s1", "王同学"),
        Participant("s2", "李同学", at(1)),
    )
    assert people(wrote(participants={"id": "s1", "name": "王同学"})) == [("s1", "")]
    assert wrote(student_id="s1", student_name="王同学").participants == (
        Participant("s1", "王同学"),
    )


def test_a_report_of_zoom_tells_who_taught() -> None:
    times = {"join_time": "2026-01-05T11:30:00Z", "leave_time": "2026-01-05T11:31:00Z"}
    sidecar = wrote(
        topic="王同学 简历",
        start_time="2026-01-05T11:30:00Z",
        duration=60,
        timezone="Asia/Shanghai",
        host_email="zhao@x.cn",
        participants=[
            {"id": "", "user_name": "王同学", "user_email": "w@x.cn", **times},
            {"id": "", "user_name": "赵老师", "user_email": "zhao@x.cn", **times},
        ],
    )
    assert (sidecar.teacher_id, people(sidecar), sidecar.problems) == ("赵老师", [WANG, ZHAO], ())
    assert (sidecar.start_ts, sidecar.end_ts, sidecar.subject) == (START, None, "王同学 简历")


def test_names_that_tencent_encodes_are_decoded_and_others_are_not() -> None:
    sidecar = wrote(
        subject="5pWw5a2m",
        participants=[{"userid": "w", "user_name": "546L5ZCM5a2m"}, "Lily", "TGlseQ==", "test"],
    )
    assert sidecar.subject == "数学"
    names = [one.name for one in sidecar.participants or ()]
    assert names == ["王同学", "Lily", "Lily", "test"]


@pytest.mark.parametrize(
    "text",
    [
        "{“subject”:“简历”,“start”:“2026-01-05 19:30”}",
        "{“subject”：“简历”，“start”：“2026-01-05 19：30”，}",
        '{"subject": "简历", // 主题\n "start": "2026-01-05 19:30", }',
        '/* 第一课 */ {"subject": "简历", "start": "2026-01-05 19:30"} # x',
        "{'subject': '简历', 'start': '2026-01-05 19:30', 'end': None}",
        '{subject: "简历", start: "2026-01-05 19:30"}',
        '{“subject": "简历”, "start”: “2026-01-05 19:30"}',
        '{"主题": "简历", "开始时间": "2026-01-05 19:30"}',
        '{"会议": {"会议主题": "简历", "会议开始时间": "2026/01/05 19:30"}}',
        '{"subject": "简历", "date": "2026-01-05", "time": "19:30"}',
        '{"subject": "简历", "日期": "2026年1月5日", "开始时间": "晚上7点半"}',
        '{"subject": "简历", "start": "2026-01-05 20:30", "时区": "GMT+9"}',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "gbk"])
def test_what_is_meant_is_read_although_it_is_not_json(text: str, encoding: str) -> None:
    assert read(text.encode(encoding)) == Sidecar(START, subject="简历")


def test_what_looks_like_a_comment_or_a_quote_inside_a_text_is_text() -> None:
    text = '{"subject": "说“好” // http://x/y, }", }'
    assert read(text).subject == "说“好” // http://x/y, }"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"学声": "王同学"}, "学声 is not a known field; did you mean 学生?"),
        ({"paticipants": []}, "paticipants is not a known field; did you mean participants?"),
        ({"qzx": 1}, "qzx is not a known field"),
        (
            {"participants": [{"id": "s1", "nmae": "王"}]},
            "participants[0].nmae is not a known field; did you mean name?",
        ),
        (
            {"participants": {"nmae": "王"}},
            "participants.nmae is not a known field; did you mean name?",
        ),
        (
            {"participants": [{"id": "s1", "role": "猫"}]},
            "participants[0].role is not a known role: '猫'; use teacher or student",
        ),
        (
            {"start": "1/5/2026"},
            "start is ambiguous (month or day first?): write it as 2026-01-05: '1/5/2026'",
        ),
        (
            {"开始时间": "1月5日 19:30"},
            "开始时间 has no year: write it as 2026-01-05: '1月5日 19:30'",
        ),
        ({"时长": "很久"}, "时长 is not a length of time: '很久'"),
        ({"title": "a", "topic": "b"}, "topic is not used, because title is there"),
        ({"timezone": "Mars"}, "timezone is not a time zone: 'Mars'; write it as Asia/Shanghai"),
        ({"participants": True}, "participants is neither people nor a list of people"),
    ],
)
def test_what_is_not_understood_is_named_with_what_is_known(
    fields: dict[str, object], problem: str
) -> None:
    sidecar = wrote(**fields)
    assert problem in sidecar.problems
    assert sidecar.start_ts == START


def test_a_field_written_twice_is_named() -> None:
    sidecar = read('{"subject": "a", "subject": "b"}')
    assert sidecar.subject == "b"
    assert sidecar.problems == ("subject is written more than once: the last value is used",)


def test_what_other_programs_write_beside_it_is_no_problem() -> None:
    assert wrote(uuid="x", total_size=3, 备注="好", _comment="x", duration="60分钟") == Sidecar(
        START
    )


KEYS = st.text(max_size=3) | st.sampled_from(
    ["start", "end", "participants", "intervals", "teacher", "id", "name", "join", "left"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, JSON, max_size=6).map(json.dumps) | st.text())
def test_no_content_whatever_breaks_the_reading(text: str) -> None:
    sidecar = read(text.encode("utf-8", "surrogatepass"))
    assert sidecar.start_ts.tzinfo is UTC
    assert all(one.person for one in sidecar.participants or ())
