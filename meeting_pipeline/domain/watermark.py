"""Where a listing has to begin when the watermark cannot be believed.

Before the source's own clock was used, a machine whose clock ran ahead moved the watermark into
the future, and every night after that one asked for a time in which nothing had been recorded yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from meeting_pipeline.domain.window import Window

LONGEST_WAIT = timedelta(days=31)
"""What is not finished at its source after that time is not waited for any more."""


@dataclass(frozen=True)
class PastListing:
    """The window of an earlier run; is_complete: nothing in it was missing when it was listed."""

    window: Window
    is_complete: bool


def start_without_watermark(
    history: Sequence[PastListing], watermark: datetime, now: datetime, look_back: timedelta
) -> datetime:
    """Return from when to list so that nothing is lost, given a watermark in the future.

    If it was set by hand, that is the start of the last complete window; if a clock ran ahead, of
    the last one before that. Where none can be told to be right it is the first night, and as far
    before it as anything is waited for: one longer listing costs less than a lost recording.

    Args:
        history: The windows of all nights, oldest night first.
        watermark: What is in the future.
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
    """Those before the first step in which the clock may have gone wrong; none without a step.

    It jumped at least as far as the watermark is `ahead` now. A shorter step than a month may as
    well be a machine that was off.
    """
    nights = _without_disproved(history)
    for place, (one, following) in enumerate(pairwise(nights), 1):
        if following.window.end - one.window.end > max(ahead, LONGEST_WAIT):
            return nights[:place]
    return []


def _without_disproved(history: Sequence[PastListing]) -> list[PastListing]:
    """Those that did not end after a later one: an earlier mistake, repaired meanwhile.

    The last complete one wrote the watermark; what came after it has repaired nothing.
    """
    kept: list[PastListing] = []
    for one in reversed(history):
        is_in_order = one.window.end <= kept[-1].window.end if kept else one.is_complete
        if is_in_order:
            kept.append(one)
    return kept[::-1]
