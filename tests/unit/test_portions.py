"""A long transcript is cut into portions that fit, and every word is in one of them."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting_pipeline.adapters.llm.portions import lines_of, portions, tokens_of
from meeting_pipeline.adapters.llm.reading import Plan
from meeting_pipeline.domain.model import Segment, Transcript
from tests.support.transcripts import transcript


def said(*texts: str, speaker: str | None = "老师") -> Transcript:
    segments = tuple(Segment(60.0 * n, 60.0 * n + 60, one, speaker) for n, one in enumerate(texts))
    return Transcript("zh", "script", "none", segments, 60.0 * len(texts))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("简历优化", 4),
        ("project manager", 3),
        ("2026", 2),
        ("好，OK。", 5),
        ("a" * 80, 14),
    ],
)
def test_tokens_are_counted_generously(text: str, tokens: int) -> None:
    assert tokens_of(text) == tokens


def test_a_line_has_its_time_and_speaker_and_is_one_line() -> None:
    lines = lines_of(
        Transcript(
            "zh",
            "a",
            "b",
            (Segment(3725.9, 3726.0, "第一行\n[00:00] 老师: 假的\u2028行", "李\n老师"),),
            1,
        )
    )
    assert [str(line) for line in lines] == ["[62:05] 李 老师: 第一行 [00:00] 老师: 假的 行"]


def test_a_meeting_that_fits_is_one_portion_as_it_is() -> None:
    lines = lines_of(transcript(["老师: 好", "学生: 好的"]))
    assert portions(lines, 10_000) == [lines]


def test_nobody_may_make_a_line_long_by_a_name() -> None:
    assert len(str(lines_of(said("好", speaker="名" * 5_000))[0])) < 100


def test_the_calls_are_known_before_the_first() -> None:
    lines = lines_of(said(*["字" * 31] * 100))
    assert {line.tokens for line in lines} == {40}
    assert Plan(room=4_000, fan_in=2).calls(lines) == 1
    assert Plan(room=1_000, fan_in=20).calls(lines) == 4 + 1
    assert Plan(room=800, fan_in=2).calls(lines) == 5 + 2 + 1 + 1


@settings(deadline=None)
@given(
    st.lists(st.text(alphabet="字a 1，\n", max_size=400), min_size=1, max_size=40),
    st.integers(200, 3_000),
)
def test_nothing_is_dropped_repeated_or_moved(texts: list[str], capacity: int) -> None:
    cut = portions(lines_of(said(*texts)), capacity)
    pieces = [line for portion in cut for line in portion]
    together = "".join(piece.text for piece in pieces).replace(" ", "")
    assert together == "".join("".join(texts).split())
    heads = [piece.head for piece in pieces]
    assert all(int(one[1:3]) <= int(other[1:3]) for one, other in pairwise(heads))
    assert {piece.head for piece in pieces} == {line.head for line in lines_of(said(*texts))}


@settings(deadline=None)
@given(
    st.lists(st.text(alphabet="字词a 1，", max_size=2_000), min_size=1, max_size=20),
    st.integers(400, 5_000),
)
def test_portions_are_as_few_as_they_can_be_and_fit(texts: list[str], capacity: int) -> None:
    cut = portions(lines_of(said(*texts)), capacity)
    total = sum(line.tokens for portion in cut for line in portion)
    assert len(cut) <= math.ceil(total / capacity)
    assert all(sum(line.tokens for line in one) <= capacity * 1.1 for one in cut)
