"""Tencent's own transcript files, and names put on other transcripts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.adapters.asr.speakers import with_speakers
from meeting_pipeline.adapters.asr.tencent import Paragraph, parse, timed
from meeting_pipeline.domain.model import Segment


def test_a_paragraph_has_a_name_a_time_and_words() -> None:
    assert parse("张三(00:01:45): 我们开始吧。") == [Paragraph(105.0, "张三", "我们开始吧。")]


@pytest.mark.parametrize(
    ("line", "speaker", "start_s"),
    [
        ("李老师（00:00:03）：好", "李老师", 3.0),
        ("李老师 (00:00:03) : 好", "李老师", 3.0),
        ("李老师(10:00:03):好", "李老师", 36_003.0),
        ("李老师(05:03): 好", "李老师", 303.0),
        ("李老师(00：05：03)：好", "李老师", 303.0),
        ("王小明(学生)(00:00:03): 好", "王小明(学生)", 3.0),
        ("王小明（HR）（00:00:03）：好", "王小明（HR）", 3.0),
        ("发言人 1(00:00:03): 好", "发言人 1", 3.0),
        ("Ms. Li (Teacher)(00:00:03): 好", "Ms. Li (Teacher)", 3.0),
        ("(00:00:03): 好", "", 3.0),
    ],
)
def test_names_and_times_are_written_in_many_ways(line: str, speaker: str, start_s: float) -> None:
    assert parse(line) == [Paragraph(start_s, speaker, "好")]


def test_what_follows_belongs_to_the_paragraph_before() -> None:
    text = "\ufeff会议纪要\r\n\r\n张三(00:00:01): 一\r\n二：三\r\n\r\n李四(00:00:09):\r\n四\r\n"
    assert parse(text) == [Paragraph(1.0, "张三", "一\n二：三"), Paragraph(9.0, "李四", "四")]


@pytest.mark.parametrize("control", ["\0", "\x1b", "\u202e", "\u2066", "\u200b"])
def test_control_characters_are_neither_said_nor_in_names(control: str) -> None:
    text = f"张{control}三(00:00:01): {control}我们{control}开始\n{control}吧"
    assert parse(text) == [Paragraph(1.0, "张三", "我们开始\n吧")]


def test_a_time_within_a_sentence_opens_no_paragraph() -> None:
    text = "张三(00:00:01): 先看这里。\n好的。他在(00:10:00): 说过\n李四(00:00:20): 是"
    assert [one.speaker for one in parse(text)] == ["张三", "李四"]


def test_what_is_no_transcript_has_no_paragraphs() -> None:
    assert parse("") == []
    assert parse("<html>403</html>") == []
    assert parse("张三(00:00:01):   \n") == []


def test_each_lasts_until_the_next_and_none_beyond_the_recording() -> None:
    paragraphs = parse("甲(00:00:01): 一\n乙(00:00:05): 二\n甲(00:09:00): 三")
    assert timed(paragraphs, 60.0) == (
        Segment(1.0, 5.0, "一", "甲"),
        Segment(5.0, 60.0, "二", "乙"),
        Segment(60.0, 60.0, "三", "甲"),
    )


names = st.text("张李王abc12 ()（）", min_size=1, max_size=20).map(str.strip).filter(bool)
words = st.text("我们看简历，。！ab:：\n", max_size=40).map(lambda text: f"好{text}".strip())


@given(st.lists(st.tuples(names, st.integers(0, 36_000), words), max_size=20))
def test_what_is_written_is_read_again(said: list[tuple[str, int, str]]) -> None:
    said.sort(key=lambda one: one[1])
    lines = [
        f"{name}({s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}): {text}" for name, s, text in said
    ]
    found = parse("\r\n".join(lines))
    assert [(one.speaker, int(one.start_s)) for one in found] == [one[:2] for one in said]
    assert ["".join(one.text.split()) for one in found] == ["".join(one[2].split()) for one in said]


@given(st.text(max_size=300))
def test_reading_never_fails(text: str) -> None:
    timed(parse(text), 60.0)


def test_a_segment_gets_the_speaker_who_has_most_of_its_time() -> None:
    named = (Segment(0, 10, "…", "李老师"), Segment(10, 20, "…", "王小明"), Segment(30, 40, "…"))
    said = (
        Segment(8, 11, "老师说"),
        Segment(9, 13, "学生说", "speaker 1"),
        Segment(22, 25, "有人说", "speaker 2"),
        Segment(31, 32, "没有名字"),
    )
    assert [one.speaker for one in with_speakers(said, named)] == [
        "李老师",
        "王小明",
        "speaker 2",
        None,
    ]
