"""The start of a listing when the watermark is wrong.

Before windows were made with the source's own clock, a machine whose clock ran ahead moved the
watermark into the future. Every later night then listed a time in which nothing was recorded yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from meeting_pipeline.domain.window import Window

LONGEST_WAIT = timedelta(days=31)
"""For how long we wait for a recording that its source has not finished."""


@dataclass(frozen=True)
class PastListing:
    """The listing of an earlier run.

    Attributes:
        window: The time that was listed.
        is_complete: Whether no recording in it was missing.
    """

    window: Window
    is_complete: bool


def start_without_watermark(
    history: Sequence[PastListing], watermark: datetime, now: datetime, look_back: timedelta
) -> datetime:
    """Return the start of a listing that loses no recording, given a watermark in the future.

    If the watermark was set by hand, this is the start of the last complete window. If a clock ran
    ahead, it is the start of the last complete window before that. If no window is certain to be
    right, it is `LONGEST_WAIT` before the first night: one longer listing costs less than a lost
    recording.

    Args:
        history: The listings of all nights, oldest night first.
        watermark: The watermark, which lies in the future.
        now: The time by the source's clock.
        look_back: How far a night looks back behind its watermark.
    """
    complete = _complete(history)
    if not complete or complete[-1].end > now:
        complete = _complete(_before_the_jump(history, watermark - now))
    if complete:
        return complete[-1].start
    nights = history[-1].window.end - history[0].window.end if history else timedelta()
    return now - LONGEST_WAIT - look_back - max(nights, timedelta())


def _complete(history: Sequence[PastListing]) -> list[Window]:
    windows = [one.window for one in history if one.is_complete]
    return [window for window in windows if window.start < window.end]


def _before_the_jump(history: Sequence[PastListing], ahead: timedelta) -> list[PastListing]:
    """Return the listings before the clock jumped, or none if it did not.

    The clock jumped at least as far as the watermark is `ahead` now. A gap of less than a month
    may also mean that the machine was off.
    """
    nights = _without_disproved(history)
    for place, (one, following) in enumerate(pairwise(nights), 1):
        if following.window.end - one.window.end > max(ahead, LONGEST_WAIT):
            return nights[:place]
    return []


def _without_disproved(history: Sequence[PastListing]) -> list[PastListing]:
    """Return the listings without those that end after a later one.

    Such a listing shows an earlier jump of the clock that was repaired meanwhile. The last complete
    listing wrote the present watermark, so the incomplete ones after it have repaired nothing.
    """
    kept: list[PastListing] = []
    for one in reversed(history):
        is_in_order = one.window.end <= kept[-1].window.end if kept else one.is_complete
        if is_in_order:
            kept.append(one)
    return kept[::-1]
