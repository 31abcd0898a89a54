"""Windows of speech hold all of it, in order, and are never longer than Whisper hears."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.adapters.asr.speech import (
    SAMPLE_RATE,
    WINDOW_S,
    Speech,
    SpeechPiece,
    halves,
    windows,
)


def pieces_of(lengths_and_pauses: list[tuple[float, float]]) -> tuple[SpeechPiece, ...]:
    pieces, at, recorded = [], 0.0, 0.0
    for length, pause in lengths_and_pauses:
        pieces.append(SpeechPiece(at, at + length, pause, recorded))
        at += length
        recorded += length + pause
    return tuple(pieces)


PIECES = st.lists(
    st.tuples(st.floats(0.2, 29.0), st.floats(0.1, 20.0)), min_size=1, max_size=60
).map(pieces_of)


@given(PIECES)
def test_windows_hold_all_speech_once_and_fit(pieces: tuple[SpeechPiece, ...]) -> None:
    spans = windows(pieces)
    assert spans[0][0] == 0.0
    assert spans[-1][1] == pieces[-1].end_s
    assert all(left[1] == right[0] for left, right in pairwise(spans))
    assert all(end - start <= WINDOW_S + 1e-6 for start, end in spans)


def test_a_window_ends_at_the_longest_late_pause() -> None:
    pieces = pieces_of([(12.0, 3.0), (12.0, 1.5), (4.0, 0.2), (29.0, 0.2), (29.0, 0.2)])
    assert windows(pieces)[0] == (0.0, 24.0)


def test_the_last_window_is_no_crumb() -> None:
    pieces = pieces_of([(2.0, 0.3)] * 16)
    assert min(end - start for start, end in windows(pieces)) >= 10.0


@given(st.integers(11, 60))
def test_short_phrases_make_windows_that_are_about_even(count: int) -> None:
    lengths = [end - start for start, end in windows(pieces_of([(3.0, 0.3)] * count))]
    assert max(lengths) <= 1.6 * min(lengths)


def test_a_window_is_halved_at_its_longest_pause() -> None:
    pieces = pieces_of([(8.0, 0.3), (8.0, 2.0), (8.0, 0.3)])
    assert halves((0.0, 24.0), pieces) == [(0.0, 16.0), (16.0, 24.0)]
    assert halves((0.0, 8.0), pieces) == [(0.0, 8.0)]


def test_times_lead_back_over_the_silence_that_was_left_out() -> None:
    pieces = pieces_of([(4.0, 60.0), (6.0, 1.0)])
    speech = Speech(np.zeros(10 * SAMPLE_RATE, np.float32), pieces)
    assert speech.begins_at(1.0) == 1.0
    assert speech.ends_at(4.0) == 4.0
    assert speech.begins_at(4.0) == 64.0
    assert speech.ends_at(10.0) == pytest.approx(70.0)
