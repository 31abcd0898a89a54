"""Quotes are kept as the transcript has them, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.adapters.llm.evidence import verified
from meeting_pipeline.adapters.llm.reply import Quote
from meeting_pipeline.domain.model import Evidence, Segment, Transcript
from tests.support.transcripts import transcript

SAID = transcript(
    [
        "李老师: 我们先看简历的排版，再看自我评价。",
        "王小明: 好的，老师！ＡＢＣ 公司的 Offer 我拿到了",
        "李老师: 薪资可以谈一谈",
        "王小明: 好的，老师！",
    ]
)


def quote(words: str, time: str = "") -> Quote:
    return Quote(quote=words, time=time)


def found(words: str, time: str = "") -> Evidence | None:
    evidence, dropped = verified([quote(words, time)], SAID)
    assert len(evidence) + dropped == 1
    return evidence[0] if evidence else None


@pytest.mark.parametrize(
    ("asked", "kept", "start_s"),
    [
        ("我们先看简历的排版", "我们先看简历的排版", 0.0),
        ("我们 先看简历的排版,再看自我评价", "我们先看简历的排版，再看自我评价。", 0.0),
        ("abc公司的offer", "ＡＢＣ 公司的 Offer", 5.0),
        ("「薪资可以谈一谈」", "薪资可以谈一谈", 10.0),
        ("[00:10] 李老师: 薪资可以谈一谈", "薪资可以谈一谈", 10.0),
        ("李老师：薪资可以谈一谈", "薪资可以谈一谈", 10.0),
        ("我拿到了薪资可以谈一谈", "我拿到了 薪资可以谈一谈", 5.0),
    ],
)
def test_a_quote_is_found_whatever_its_width_case_and_signs(
    asked: str, kept: str, start_s: float
) -> None:
    assert found(asked) == Evidence(kept, start_s)


@pytest.mark.parametrize(
    "invented",
    ["这句话从来没有人说过", "薪资不可以谈一谈", "。。。", "薪", "简历自我评价", "李老师:"],
)
def test_what_was_not_said_is_dropped_and_counted(invented: str) -> None:
    assert found(invented) is None


def test_the_time_comes_from_the_transcript_not_from_the_model() -> None:
    assert found("薪资可以谈一谈", "59:59") == Evidence("薪资可以谈一谈", 10.0)


@pytest.mark.parametrize(
    ("time", "start_s"), [("00:05", 5.0), ("0:00:16", 15.0), ("14", 15.0), ("开头", 5.0), ("", 5.0)]
)
def test_of_two_occurrences_the_one_nearest_to_the_named_time_counts(
    time: str, start_s: float
) -> None:
    assert found("好的老师", time) == Evidence("好的，老师！", start_s)


def test_the_same_evidence_is_kept_once() -> None:
    evidence, dropped = verified(
        [quote("薪资可以谈"), quote("薪资可以谈"), quote("没说过的")], SAID
    )
    assert (evidence, dropped) == ((Evidence("薪资可以谈", 10.0),), 1)


SPOKEN = st.lists(
    st.text(alphabet="简历项目面试ABc ，。！１２", max_size=12), min_size=1, max_size=8
)


@given(SPOKEN, st.data())
def test_any_stretch_of_the_transcript_is_found_in_it(
    lines: list[str], data: st.DataObject
) -> None:
    segments = tuple(Segment(5.0 * n, 5.0 * n + 5, text) for n, text in enumerate(lines))
    said = Transcript("zh", "script", "none", segments, 5.0 * len(lines))
    number = data.draw(st.integers(0, len(lines) - 1))
    start = data.draw(st.integers(0, len(lines[number])))
    words = lines[number][start:]
    evidence, dropped = verified([Quote.model_construct(quote=words, time="")], said)
    letters = [character for character in words if character.isalnum()]
    assert (len(evidence), dropped) == ((1, 0) if len(letters) > 1 else (0, 1))
    for one in evidence:
        assert _letters(one.quote) == _letters(words)
        assert any(_letters(words)[0] in _letters(segment.text) for segment in segments)


@given(SPOKEN, st.text(max_size=30))
def test_no_words_become_evidence_that_nobody_said(lines: list[str], words: str) -> None:
    said = transcript(lines, speakers=False)
    everything = _letters("".join(segment.text for segment in said.segments))
    evidence, _ = verified([Quote.model_construct(quote=words, time="")], said)
    assert all(_letters(one.quote) in everything for one in evidence)


def _letters(text: str) -> str:
    import unicodedata

    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))
