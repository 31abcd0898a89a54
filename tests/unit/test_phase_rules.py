import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting_pipeline.adapters.llm import phase_rules, sentences
from meeting_pipeline.adapters.llm.phase_rules import PhaseVerdict
from meeting_pipeline.adapters.llm.pinyin import syllables
from meeting_pipeline.domain.enums import Phase
from tests.support.transcripts import transcript

DATA = Path(__file__).parent / "data"
SAMPLES = Path(phase_rules.__file__).parents[2] / "samples"
LEXICON = tomllib.loads(
    (Path(phase_rules.__file__).parent / "phase_lexicon.toml").read_text("utf-8")
)
PHRASES = [
    "简历",
    "建立",
    "模拟面试",
    "架构",
    "offer",
    "Resume",
    "[",
    "\n",
    "\ud800",
    "。",
    " ",
    "好",
]


def classify(*lines: str, subject: str = "") -> PhaseVerdict:
    return phase_rules.classify(sentences.split(transcript(lines)), subject)


def scripts(name: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = tomllib.loads((DATA / name).read_text("utf-8"))["transcript"]
    return found


def share_right(name: str) -> float:
    judged = [
        classify(*script["lines"]).phase is Phase(script["phase"]) for script in scripts(name)
    ]
    return sum(judged) / len(judged)


def test_every_transcript_the_lexicon_was_tuned_on_gets_its_phase() -> None:
    assert len(scripts("phase_transcripts.toml")) >= 30
    assert share_right("phase_transcripts.toml") == 1.0


def test_most_transcripts_it_was_not_tuned_on_get_their_phase() -> None:
    assert share_right("phase_transcripts_held_out.toml") >= 0.9


def test_what_it_misses_becomes_other_and_never_a_wrong_phase() -> None:
    for script in scripts("phase_transcripts_held_out.toml"):
        assert classify(*script["lines"]).phase in (script["phase"], Phase.OTHER)


@pytest.mark.parametrize(
    ("sample", "phase"),
    [
        ("TM-20260105193000-445999969-recording-1.txt", Phase.RESUME),
        ("TM-20260107200000-445999970-recording-1.txt", Phase.INTERVIEW),
        ("TM-20260109190000-445999971-recording-1.txt", Phase.PROJECT),
        ("TM-20260110100000-445999972-recording-1.txt", Phase.INTERVIEW),
    ],
)
def test_the_scripts_of_the_sample_recordings_get_their_phase(sample: str, phase: Phase) -> None:
    lines = (SAMPLES / sample).read_text("utf-8").splitlines()
    assert classify(*lines).phase is phase


def test_mentions_of_the_resume_do_not_flip_a_mock_interview() -> None:
    verdict = classify(
        "我们开始模拟面试，先做一个自我介绍",
        "我看你简历上写了实习",
        "简历里还写了你带过团队，说说你最大的缺点",
        "简历上这个奖是什么",
    )
    assert verdict.phase is Phase.INTERVIEW


def test_ordinary_words_that_sound_like_terms_prove_nothing() -> None:
    verdict = classify("制度建立了。监理来过。奖励发了。经理说尽力。", "性质不同，上方有字。")
    assert verdict.phase is Phase.OTHER
    assert verdict.confidence < 0.45


def test_a_term_in_wrong_characters_is_found_by_its_sound_and_named_rightly() -> None:
    verdict = classify("今天我们来修改你的建立", "自我平价删掉，牌板要统一")
    assert verdict.phase is Phase.RESUME
    assert {"修改你的简历", "自我评价", "排版"} <= set(verdict.matched_terms)
    assert verdict.evidence[0].quote == "今天我们来修改你的建立"


def test_sounds_are_not_matched_across_the_middle_of_words() -> None:
    assert "简历" not in classify("大家的意见里面都有道理").matched_terms


def test_one_phrase_said_once_is_not_enough() -> None:
    verdict = classify("下周四晚上八点做模拟面试可以吗", "可以，那周四见")
    assert verdict.phase is Phase.OTHER
    assert 0 < verdict.confidence < 0.45
    assert verdict.evidence == ()
    assert "模拟面试" in verdict.matched_terms


def test_saying_one_word_a_thousand_times_is_not_enough_either() -> None:
    assert classify(*["算法"] * 1000).phase is Phase.OTHER


def test_two_phases_that_are_equally_strong_are_other() -> None:
    assert classify("修改简历，排版，教育背景", "模拟面试，自我介绍，群面").phase is Phase.OTHER


def test_a_subject_that_somebody_gave_counts_as_one_more_sentence() -> None:
    lines = ("看一下排版", "好的")
    assert classify(*lines).phase is Phase.OTHER
    assert classify(*lines, subject="小明 简历修改").phase is Phase.RESUME


def test_english_terms_are_whole_words_in_the_singular_or_plural() -> None:
    assert classify("The bullet  points, please. Two Resumes.").matched_terms == (
        "bullet point",
        "resume",
    )
    assert classify("He presumed the cvs").matched_terms == ("cv",)


def test_evidence_is_said_where_it_says_and_stands_in_the_order_said() -> None:
    lines = ["你好", "看一下你的简历", "嗯", "排版太乱", "教育背景放上面", "自我评价删掉"]
    verdict = classify(*lines)
    assert [quote.quote for quote in verdict.evidence] == [lines[i] for i in (1, 3, 4, 5)]
    assert [quote.start_s for quote in verdict.evidence] == [5.0, 15.0, 20.0, 25.0]


def test_no_term_stands_twice_and_no_two_phases_share_a_sound() -> None:
    terms = [
        (text, phase)
        for phase, lists in LEXICON["phases"].items()
        for texts in lists.values()
        for text in texts
    ]
    assert len({text for text, _ in terms}) == len(terms)
    sounds = [syllables(text) for text, _ in terms if syllables(text)]
    assert len(set(sounds)) == len(sounds)
    assert all(text == text.lower() for text, _ in terms)
    assert {phase for _, phase in terms} == {*Phase} - {Phase.OTHER}


@given(
    st.lists(st.lists(st.sampled_from(PHRASES), max_size=12).map("".join) | st.text(), max_size=8)
)
@settings(max_examples=80, deadline=None)
def test_whatever_was_said_the_verdict_is_valid_and_quotes_are_verbatim(lines: list[str]) -> None:
    verdict = classify(*lines)
    assert verdict == classify(*lines)
    assert 0 <= verdict.confidence <= 1
    assert (verdict.phase is Phase.OTHER) == (verdict.confidence < 0.45)
    for evidence in verdict.evidence:
        assert any(evidence.quote in line for line in lines)
