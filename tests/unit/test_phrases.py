"""Phrases hold every word once, on the right side of every long pause."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.adapters.asr.phrases import LONGEST_PAUSE_S, Phrase, phrases
from meeting_pipeline.adapters.asr.speech import Speech, SpeechPiece

EXACT = 1e-6


def speech_of(lengths_and_pauses: list[tuple[float, float]]) -> Speech:
    pieces, at, recorded = [], 0.0, 0.0
    for length, pause in lengths_and_pauses:
        pieces.append(SpeechPiece(at, at + length, pause, recorded))
        at += length
        recorded += length + pause
    return Speech(np.zeros(0, np.float32), tuple(pieces))


def whole(speech: Speech) -> tuple[float, float]:
    return 0.0, speech.pieces[-1].end_s


def recorded(phrase: Phrase, speech: Speech) -> tuple[float, float]:
    return speech.begins_at(phrase.start_s), speech.ends_at(phrase.end_s)


@st.composite
def spoken(draw: st.DrawFn) -> tuple[Speech, list[Phrase]]:
    """Speech, and words that follow each other in it and may reach beyond its end."""
    lengths = st.tuples(st.floats(0.2, 29.0), st.floats(0.1, 20.0))
    speech = speech_of(draw(st.lists(lengths, min_size=1, max_size=12)))
    words: list[Phrase] = []
    at = 0.0
    for gap, length in draw(
        st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.02, 1.2)), max_size=60)
    ):
        words.append(Phrase(at + gap, at + gap + length, f"词{len(words)} "))
        at += gap + length
    return speech, words


@given(spoken())
def test_every_word_is_kept_once_and_in_order(case: tuple[Speech, list[Phrase]]) -> None:
    speech, words = case
    found = phrases(words, speech, whole(speech))
    assert "".join(one.text for one in found) == "".join(word.text for word in words)


@given(spoken())
def test_phrases_lie_in_speech_one_after_another(case: tuple[Speech, list[Phrase]]) -> None:
    speech, words = case
    found = phrases(words, speech, whole(speech))
    assert all(0.0 <= one.start_s <= one.end_s <= speech.pieces[-1].end_s for one in found)
    starts = [speech.begins_at(one.start_s) for one in found]
    assert starts == sorted(starts)
    spans = [
        (piece.recorded_s, piece.recorded_s + piece.end_s - piece.start_s)
        for piece in speech.pieces
    ]
    assert all(any(a - EXACT <= start <= b + EXACT for a, b in spans) for start in starts)


@given(spoken())
def test_no_phrase_claims_a_long_pause(case: tuple[Speech, list[Phrase]]) -> None:
    speech, words = case
    spans = [recorded(one, speech) for one in phrases(words, speech, whole(speech))]
    for left, right in pairwise(speech.pieces):
        if left.pause_s > LONGEST_PAUSE_S:
            silent = right.recorded_s - left.pause_s / 2
            assert not any(start < silent < end for start, end in spans)


@given(spoken(), st.floats(0.0, 1.0))
def test_a_window_keeps_its_words(case: tuple[Speech, list[Phrase]], share: float) -> None:
    speech, words = case
    cut = speech.pieces[int(share * (len(speech.pieces) - 1))].end_s
    assert all(one.end_s <= cut for one in phrases(words, speech, (0.0, cut)))
    end = whole(speech)[1]
    assert all(one.start_s >= cut for one in phrases(words, speech, (cut, end)) if cut < end)


def test_a_word_that_reaches_back_over_a_pause_begins_after_it() -> None:
    speech = speech_of([(4.0, 60.0), (6.0, 1.0)])
    words = [Phrase(3.0, 3.6, "你好，"), Phrase(3.7, 4.6, "请坐"), Phrase(4.6, 5.0, "吧。")]
    first, second = phrases(words, speech, whole(speech))
    assert (first.text, second.text) == ("你好，", "请坐吧。")
    assert recorded(first, speech) == pytest.approx((3.0, 3.6))
    assert recorded(second, speech) == pytest.approx((64.0, 65.0))


def test_a_breath_parts_nothing() -> None:
    speech = speech_of([(4.0, 1.1), (6.0, 1.0)])
    words = [Phrase(3.0, 3.9, "不要问"), Phrase(4.1, 4.6, "国家")]
    assert [one.text for one in phrases(words, speech, whole(speech))] == ["不要问国家"]
