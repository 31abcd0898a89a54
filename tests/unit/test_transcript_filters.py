"""Inventions are kept out, losses become visible, and honest text stays as it is."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.adapters.asr import transcript_filters
from meeting_pipeline.domain.model import Segment

SPAN = st.tuples(st.integers(0, 200), st.integers(1, 30)).map(
    lambda pair: (float(pair[0]), float(pair[0] + pair[1]))
)


@pytest.mark.parametrize(
    ("heard", "kept"),
    [
        ("问问问问问问问", "问"),
        ("我想投后端,我想投后端,我想投后端,我想投后端,好的", "我想投后端,好的"),
        ("对对对，就是这样", "对对对，就是这样"),
        ("Thank you. Thank you. Thank you. Thank you. Bye", "Thank you. Bye"),
        ("每秒50000000个请求", "每秒50000000个请求"),
        ("2013年2013年2013年2013年", "2013年"),
    ],
)
def test_only_a_loop_is_collapsed(heard: str, kept: str) -> None:
    assert transcript_filters.collapse_repeats(heard) == kept


A, B = "老师我想先讲一下我的项目经历", "好的我们先看一下简历的排版"


@pytest.mark.parametrize(
    ("heard", "kept"),
    [
        (f"{A}。" * 9, f"{A}。"),
        (A * 9, A),
        ("，".join([A] * 9), A),
        (f"{A}。{B}。" * 5, f"{A}。{B}。"),
        (f"{A}。{A}。{B}。", f"{A}。{A}。{B}。"),
    ],
)
def test_a_sentence_that_loops_is_collapsed_too(heard: str, kept: str) -> None:
    assert transcript_filters.collapse_repeats(heard).strip("，") == kept


def said(*rows: tuple[float, float, str]) -> list[Segment]:
    return [Segment(start, end, text) for start, end, text in rows]


def test_the_same_words_nine_times_at_the_same_time_are_said_once() -> None:
    repeats = said(*((10 + 0.3 * n, 14 + 0.3 * n, f"{A}{'。！，'[n % 3]}") for n in range(9)))
    others = said((0, 5, B), (11, 13, "嗯。"), (30, 34, A))
    kept = transcript_filters.without_loops([*repeats, *others])
    assert [one.text for one in kept] == [B, f"{A}。", "嗯。", A]


@pytest.mark.parametrize(
    "turn", [[A], [A, B], ["好的。", "嗯嗯，老师。"], [A, B, "对。", "好的。"]]
)
def test_segments_that_come_in_turn_again_and_again_are_kept_once(turn: list[str]) -> None:
    texts = [*turn * 9, "最后看一下时间。"]
    rows = said(*((3.0 * n, 3.0 * n + 3, text) for n, text in enumerate(texts)))
    kept = transcript_filters.without_loops(rows)
    assert [one.text for one in kept] == [*turn, "最后看一下时间。"]
    assert kept[-1].start_s == 27.0 * len(turn)


@pytest.mark.parametrize(
    "rows",
    [
        said(*((3.0 * n, 3.0 * n + 1, "对。") for n in range(5))),
        said(*((20.0 * n, 20.0 * n + 3, A) for n in range(9))),
        said(*((2.5 * n, 2.5 * n + 2, A) for n in range(9))),
        said(*((3.0 * n, 3.0 * n + 3, A) for n in range(3))),
        said(*((2.0 * n, 2.0 * n + 2, "1000") for n in range(9))),
        said(*((2.0 * n, 2.0 * n + 2, f"第{n}句，我们先看简历。") for n in range(9))),
        [Segment(1, 2, "老师好。", "张三"), Segment(1, 2, "老师好。", "李四")],
    ],
)
def test_what_people_really_repeat_stays(rows: list[Segment]) -> None:
    assert transcript_filters.without_loops(rows) == rows


@given(st.lists(st.tuples(SPAN, st.sampled_from([A, B, "对。", "1", "…"])), max_size=30))
def test_no_words_are_lost_by_looking_for_loops(
    rows: list[tuple[tuple[float, float], str]],
) -> None:
    segments = [Segment(start, end, text) for (start, end), text in rows]
    kept = transcript_filters.without_loops(segments)
    assert {one.text for one in kept} == {one.text for one in segments}
    assert kept == sorted(kept, key=lambda one: one.start_s)


@given(st.text())
def test_collapsing_never_adds_text(text: str) -> None:
    assert len(transcript_filters.collapse_repeats(text)) <= len(text)


def test_text_is_dropped_only_when_the_model_heard_nothing_and_was_unsure() -> None:
    assert transcript_filters.is_hallucination(0.9, -1.5)
    assert not transcript_filters.is_hallucination(0.9, -0.3)
    assert not transcript_filters.is_hallucination(0.1, -1.5)


@pytest.mark.parametrize(
    "text",
    [
        "字幕由Amara.org社区提供",
        "由 Amara.org 社群提供的字幕",
        "字幕志愿者 李宗盛",
        "谢谢大家的观看",
        "感谢收看。",
        "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
        "Thanks for watching!",
        "Thank you very much for watching.",
        "Please subscribe to my channel",
    ],
)
def test_phrases_of_subtitle_makers_are_not_speech(text: str) -> None:
    assert transcript_filters.clean(text, "zh") == ""


@pytest.mark.parametrize(
    "text",
    ["谢谢老师", "谢谢大家,下周二见", "我做过字幕翻译的实习", "你有订阅我们的课程吗", "Thank you."],
)
def test_polite_words_of_a_meeting_stay(text: str) -> None:
    assert transcript_filters.clean(text, "zh") == text


def test_chinese_comes_out_simplified_and_english_untouched() -> None:
    assert transcript_filters.clean(" 廣州市的簡歷 ", "zh") == "广州市的简历"
    assert transcript_filters.clean(" Don't worry.", "en") == "Don't worry."


def test_punctuation_alone_is_no_text() -> None:
    assert transcript_filters.clean(" ...。 ", "zh") == ""


def test_a_dropped_half_is_thin_and_a_slow_word_is_not() -> None:
    assert transcript_filters.is_thin("今天我们改简历" * 5, 30.0)
    assert not transcript_filters.is_thin("今天我们改简历" * 12, 30.0)
    assert not transcript_filters.is_thin("好", 2.0)
    assert transcript_filters.is_thin("we talked about it", 30.0)
    assert not transcript_filters.is_thin(
        "we talked about your first interview and your plan " * 4, 30.0
    )


def test_a_hole_in_the_middle_is_found_with_its_place() -> None:
    said = [(0.0, 10.0), (25.0, 40.0)]
    assert transcript_filters.gaps(said, [(0.0, 40.0)], 1.5) == [(10.0, 25.0)]
    assert transcript_filters.longest(transcript_filters.gaps(said, [(0.0, 40.0)], 1.5)) == 15.0
    assert transcript_filters.coverage(said, [(0.0, 40.0)]) == pytest.approx(25 / 40)


def test_silence_between_speech_is_no_hole() -> None:
    assert (
        transcript_filters.gaps([(0.0, 5.0), (60.0, 65.0)], [(0.0, 5.0), (60.0, 65.0)], 0.0) == []
    )


@given(st.lists(SPAN, max_size=8), st.lists(SPAN, max_size=1))
def test_covered_and_missing_seconds_add_up(
    said: list[transcript_filters.Span], speech: list[transcript_filters.Span]
) -> None:
    seconds = {at for start, end in speech for at in range(int(start), int(end))}
    covered = {at for at in seconds for start, end in said if start <= at < end}
    missing = sum(end - start for start, end in transcript_filters.gaps(said, speech, 0.0))
    assert missing == len(seconds - covered)
    assert transcript_filters.coverage(said, speech) == pytest.approx(
        len(covered) / len(seconds) if seconds else 1.0
    )


def test_a_long_stretch_is_cut_after_its_sentences() -> None:
    cut = transcript_filters.sentences(
        0.0, 20.0, "请先介绍项目架构。数据库为什么这样设计?有没有分表"
    )
    assert [text for _, _, text in cut] == [
        "请先介绍项目架构。",
        "数据库为什么这样设计?",
        "有没有分表",
    ]
    assert cut[0][0] == 0.0
    assert cut[-1][1] == pytest.approx(20.0)


def test_a_decimal_point_ends_no_sentence() -> None:
    cut = transcript_filters.sentences(0.0, 20.0, "The rate was 3.5 percent. It is lower now.")
    assert [text for _, _, text in cut] == ["The rate was 3.5 percent.", "It is lower now."]


@given(st.text(alphabet="好吗。?！ ab.", min_size=1, max_size=60))
def test_cutting_keeps_every_character_that_is_spoken(text: str) -> None:
    cut = transcript_filters.sentences(5.0, 40.0, text)
    assert "".join("".join(piece.split()) for _, _, piece in cut) == "".join(text.split())
    assert all(5.0 <= start < end <= 40.001 for start, end, _ in cut)


def test_threads_that_meet_at_their_first_text_load_the_tables_once() -> None:
    script = (
        "import json\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from threading import Barrier\n"
        "from meeting_pipeline.adapters.asr.transcript_filters import to_simplified\n"
        "read, reads, together = json.loads, [], Barrier(4)\n"
        "json.loads = lambda text: (reads.append(text), read(text))[1]\n"
        "def first(text):\n"
        "    together.wait()\n"
        "    return to_simplified(text)\n"
        "with ThreadPoolExecutor(4) as pool:\n"
        "    print(*pool.map(first, ['課程'] * 4), len(reads))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "课程 课程 课程 课程 1\n"
