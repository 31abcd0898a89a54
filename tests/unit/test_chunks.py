"""Cutting long sound: everything once, nothing over the limit, never inside speech if avoidable."""

from array import array
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.adapters.asr.chunks import PAUSE_S, cut, halves
from meeting_pipeline.adapters.asr.transcript_filters import Span
from meeting_pipeline.domain.levels import FRAME_S, Levels

SPEECH_DB, PAUSE_DB = -20.0, -70.0


def levels_of(stretches: list[tuple[float, float]]) -> Levels:
    """Speech and pause in turn, seconds of each."""
    levels: list[float] = []
    for speech_s, pause_s in stretches:
        levels += [SPEECH_DB] * round(speech_s / FRAME_S) + [PAUSE_DB] * round(pause_s / FRAME_S)
    return array("f", levels)


talk = st.lists(st.tuples(st.floats(0.1, 20), st.floats(0.0, 3)), min_size=1, max_size=60)
noise = st.lists(st.floats(-100, 0), min_size=1, max_size=2_000)


def assert_everything_once(pieces: list[Span], span: Span, longest_s: float) -> None:
    assert (pieces[0][0], pieces[-1][1]) == span
    assert all(left[1] == right[0] for left, right in pairwise(pieces))
    assert all(0 < end - start <= longest_s + 1e-6 for start, end in pieces)


@given(noise, st.floats(1, 100))
def test_pieces_cover_everything_once_and_keep_to_the_limit(
    loud: list[float], longest_s: float
) -> None:
    span = (0.0, len(loud) * FRAME_S)
    assert_everything_once(cut(array("f", loud), span, longest_s), span, longest_s)


@given(noise, st.floats(0, 50), st.floats(2, 60))
def test_so_do_the_pieces_of_a_part_and_halves(
    loud: list[float], start: float, length: float
) -> None:
    span = (start, start + length)
    levels = array("f", loud)
    assert_everything_once(cut(levels, span, 1.7), span, 1.7)
    assert_everything_once(halves(levels, span), span, 0.6 * length)
    assert len(halves(levels, span)) == 2


@given(talk, st.floats(10, 60))
def test_a_cut_lies_in_a_pause_where_its_range_has_one(
    stretches: list[tuple[float, float]], longest_s: float
) -> None:
    levels = levels_of(stretches)
    end = len(levels) * FRAME_S
    pieces = cut(levels, (0.0, end), longest_s)
    for start, at in pieces[:-2]:  # the last cut has a range of its own
        range_ = levels[round((start + 0.75 * longest_s) / FRAME_S) + 1 :]
        range_ = range_[: int(0.25 * longest_s / FRAME_S) - 2]
        if longest_pause(range_) * FRAME_S >= 2 * PAUSE_S:
            around = levels[
                round((at - PAUSE_S / 2) / FRAME_S) : round((at + PAUSE_S / 2) / FRAME_S)
            ]
            assert max(around) == PAUSE_DB


def longest_pause(levels: Levels) -> int:
    longest = current = 0
    for quiet in (level < SPEECH_DB for level in levels):
        current = current + 1 if quiet else 0
        longest = max(longest, current)
    return longest


def test_what_fits_stays_whole() -> None:
    assert cut(levels_of([(60, 0)]), (0.0, 60.0), 60.0) == [(0.0, 60.0)]


def test_the_last_piece_is_no_crumb() -> None:
    pieces = cut(levels_of([(101, 0)]), (0.0, 101.0), 100.0)
    assert min(end - start for start, end in pieces) > 40
