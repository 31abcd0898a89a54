"""From when a night lists that cannot believe its watermark."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from meeting_pipeline.domain.watermark import PastListing, start_without_watermark
from meeting_pipeline.domain.window import Window

DAY = timedelta(days=1)
FIRST = datetime(2026, 1, 5, 19, 0, tzinfo=UTC)
LOOK_BACK = 7 * DAY


def day(number: float) -> datetime:
    return FIRST + number * DAY


def night(start: float, end: float, *, is_complete: bool = True) -> PastListing:
    return PastListing(Window(day(start), day(end)), is_complete)


def start(history: Sequence[PastListing], watermark: float, now: float) -> datetime:
    return start_without_watermark(history, day(watermark), day(now), LOOK_BACK)


GOOD = [night(number - 8, number) for number in range(3)]


def test_set_by_hand_it_is_the_start_of_the_last_complete_window() -> None:
    assert start(GOOD, 500, 3) == day(-6)
    assert start([*GOOD, night(-5, 3, is_complete=False)], 500, 4) == day(-6)


def test_after_wrong_nights_it_is_the_start_of_the_last_window_before_them() -> None:
    wrong = [night(-5, 203), night(196, 204), night(197, 205)]
    assert start([*GOOD, *wrong], 205, 6) == day(-6)
    broken_off = [*GOOD, *wrong, night(-6, 6, is_complete=False)]
    assert start(broken_off, 205, 7) == day(-6)


def test_wrong_nights_that_were_repaired_long_ago_do_not_count() -> None:
    repaired = [*GOOD, night(-5, 203), night(-6, 4), night(-3, 5), night(-2, 6)]
    assert start(repaired, 500, 7) == day(-2)
    assert start([*repaired, night(-1, 207)], 207, 8) == day(-2)


@pytest.mark.parametrize("history", [[], [night(-8, 3, is_complete=False)], [night(3, -200)]])
def test_without_any_window_to_believe_it_is_a_month_and_the_look_back(
    history: Sequence[PastListing],
) -> None:
    assert start(history, 500, 5) == day(5) - 31 * DAY - LOOK_BACK


def nights_of_old(chance: random.Random) -> tuple[list[PastListing], list[Window], datetime]:
    """Nights of a version that believed a clock which goes ahead at some time and stays so.

    Returns their windows, what of them was over when it was listed, and when the last one was.
    """
    history: list[PastListing] = []
    listed: list[Window] = []
    ahead = chance.uniform(0.1, 300) * DAY
    goes_wrong, number_of_nights = chance.randrange(20), chance.randrange(1, 60)
    now, watermark = FIRST, None
    for number in range(goes_wrong + number_of_nights):
        now += chance.choice([1, 1, 1, 2, 5]) * DAY
        said = now + ahead if number >= goes_wrong else now
        window = Window((watermark or said) - LOOK_BACK, said)
        history.append(PastListing(window, is_complete=True))
        listed.append(Window(window.start, now))
        watermark = said
    return history, listed, now


def holes(listed: Sequence[Window], beginning: datetime) -> Iterator[Window]:
    """What was never listed although it came after the beginning."""
    known_until = beginning
    for window in listed:
        if window.start < window.end:
            if window.start > known_until:
                yield Window(known_until, window.start)
            known_until = max(known_until, window.end)
    yield Window(known_until, datetime.max.replace(tzinfo=UTC))


def test_whenever_a_clock_went_ahead_nothing_it_missed_is_before_the_start() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    repaired = 0
    while repaired < 2_000:
        history, listed, last = nights_of_old(chance)
        watermark, now = history[-1].window.end, last + chance.uniform(0.1, 30) * DAY
        if watermark <= now:
            continue
        repaired += 1
        begin = start_without_watermark(history, watermark, now, LOOK_BACK)
        first_night = listed[0].end
        missed = next(holes(listed, first_night - LOOK_BACK))
        assert begin <= missed.start, (history, now)
