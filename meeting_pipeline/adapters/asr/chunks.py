"""Cuts of audio that is too long for one upload: at the quietest pause, not inside speech."""

import math

from meeting_pipeline.adapters.asr.transcript_filters import Span
from meeting_pipeline.domain.levels import FRAME_S, Levels

PAUSE_S = 0.4
"""The shortest pause that a cut is sure to find, if there is one where the cut may lie."""

_PAUSE_FRAMES = 2 * round(PAUSE_S / FRAME_S / 2)
_EARLIEST = 0.75  # of a piece: later cuts make fewer pieces, a wider choice finds better pauses
_EVEN = 0.4  # the smaller of the last two pieces has at least this share of them
_HALF = 0.6


def cut(levels: Levels, span: Span, longest_s: float) -> list[Span]:
    """Cut a span into pieces that meet without gap or overlap.

    Args:
        levels: dBFS of every FRAME_S of the recording.
        span: The part of the recording to cut, in seconds.
        longest_s: Maximum length of a piece, in seconds.

    Returns:
        The pieces in order; the span itself if it is short enough.
    """
    start, end = span
    pieces = []
    while end - start > longest_s:
        middle = _quietest(levels, *_range(start, end - start, longest_s))
        pieces.append((start, middle))
        start = middle
    return [*pieces, (start, end)]


def halves(levels: Levels, span: Span) -> list[Span]:
    """Cut a span into two pieces, each at most 60 % of it."""
    return cut(levels, span, _HALF * (span[1] - span[0]))


def _range(start: float, rest_s: float, longest_s: float) -> Span:
    """Return the range in which the next cut may lie."""
    if rest_s <= 2 * longest_s:
        first, last = max(rest_s - longest_s, _EVEN * rest_s), min(longest_s, _HALF * rest_s)
    else:
        first, last = _EARLIEST * longest_s, longest_s
    return start + first, start + last


def _quietest(levels: Levels, first_s: float, last_s: float) -> float:
    """Return the middle of the quietest PAUSE_S in a range; of several equal ones the middle one.

    A stretch is as loud as its loudest frame.
    """
    first, last = math.ceil(first_s / FRAME_S), math.floor(last_s / FRAME_S)
    around = levels[max(0, first - _PAUSE_FRAMES // 2) : last + _PAUSE_FRAMES // 2]
    if first < _PAUSE_FRAMES // 2 or last < first or len(around) != last - first + _PAUSE_FRAMES:
        return last_s  # no room to choose
    loudest = [
        max(around[at : at + _PAUSE_FRAMES]) for at in range(len(around) - _PAUSE_FRAMES + 1)
    ]
    lowest = min(loudest)
    quietest = [at for at, level in enumerate(loudest) if level == lowest]
    return float(first + quietest[len(quietest) // 2]) * FRAME_S
