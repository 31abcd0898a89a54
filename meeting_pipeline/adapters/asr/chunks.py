"""Where to cut sound that is too long for one upload: at the quietest pause, not inside speech."""

import math

from meeting_pipeline.adapters.asr.transcript_filters import Span
from meeting_pipeline.domain.levels import FRAME_S, Levels

PAUSE_S = 0.4
"""A pause at least this long in the range of a cut is found, and the cut lies within it."""

_PAUSE = 2 * round(PAUSE_S / FRAME_S / 2)
_EARLIEST = 0.75  # of a piece: later cuts make fewer pieces, a longer choice finds better pauses
_EVEN = 0.4  # the smaller of the last two pieces has this share of them or more
_HALF = 0.6


def cut(levels: Levels, span: Span, longest_s: float) -> list[Span]:
    """The span in pieces of at most `longest_s` that meet without gap or overlap.

    levels: dBFS of every FRAME_S of the recording. What fits is one piece.
    """
    start, end = span
    pieces = []
    while end - start > longest_s:
        middle = _quietest(levels, *_range(start, end - start, longest_s))
        pieces.append((start, middle))
        start = middle
    return [*pieces, (start, end)]


def halves(levels: Levels, span: Span) -> list[Span]:
    """The span in two pieces, neither more than 60 % of it."""
    return cut(levels, span, _HALF * (span[1] - span[0]))


def _range(start: float, rest_s: float, longest_s: float) -> Span:
    """From when until when the next cut may be."""
    if rest_s <= 2 * longest_s:
        first, last = max(rest_s - longest_s, _EVEN * rest_s), min(longest_s, _HALF * rest_s)
    else:
        first, last = _EARLIEST * longest_s, longest_s
    return start + first, start + last


def _quietest(levels: Levels, first_s: float, last_s: float) -> float:
    """The middle of the PAUSE_S whose loudest frame is the quietest; of equals the middle one."""
    first, last = math.ceil(first_s / FRAME_S), math.floor(last_s / FRAME_S)
    around = levels[max(0, first - _PAUSE // 2) : last + _PAUSE // 2]
    if first < _PAUSE // 2 or last < first or len(around) != last - first + _PAUSE:
        return last_s  # no room to choose
    loudest = [max(around[at : at + _PAUSE]) for at in range(len(around) - _PAUSE + 1)]
    lowest = min(loudest)
    quietest = [at for at, level in enumerate(loudest) if level == lowest]
    return float(first + quietest[len(quietest) // 2]) * FRAME_S
