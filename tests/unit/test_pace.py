"""Which hosts several connections are for."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from meeting_pipeline.adapters.media.pace import Line

MEGABYTE = 1_000_000


class Clock:
    """Goes on when told to."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def line(clock: Clock) -> Iterator[Line]:
    """With four files under way."""
    line = Line(clock)
    with ExitStack() as files:
        for _ in range(4):
            files.enter_context(line.in_use())
        yield line


def one_brings(line: Line, clock: Clock, bytes_per_s: int) -> None:
    for _ in range(10):
        clock.now += 0.05
        line.one_brought(bytes_per_s // 20)


def several_bring(line: Line, clock: Clock, bytes_per_s: int, files: int) -> None:
    for _ in range(files):
        clock.now += 0.25
        line.several_brought(bytes_per_s // 4)


def test_nothing_is_expected_of_a_host_that_nobody_knows(line: Line) -> None:
    assert not line.wants_several and not line.is_even


def test_several_go_on_where_they_bring_more(line: Line, clock: Clock) -> None:
    one_brings(line, clock, 20 * MEGABYTE)
    line.one_is_slow()
    several_bring(line, clock, 40 * MEGABYTE, files=60)
    assert line.wants_several and not line.is_even


def test_one_is_left_alone_where_no_more_comes_in_all(line: Line, clock: Clock) -> None:
    one_brings(line, clock, 37 * MEGABYTE)
    line.one_is_slow()
    several_bring(line, clock, 37 * MEGABYTE, files=5)
    assert line.wants_several
    several_bring(line, clock, 37 * MEGABYTE, files=1)
    assert line.is_even and not line.wants_several


def test_a_slow_start_of_several_proves_nothing(line: Line, clock: Clock) -> None:
    one_brings(line, clock, 20 * MEGABYTE)
    line.one_is_slow()
    several_bring(line, clock, 2 * MEGABYTE, files=2)
    several_bring(line, clock, 40 * MEGABYTE, files=4)
    assert line.wants_several


def test_time_without_a_file_is_not_held_against_several(clock: Clock) -> None:
    line = Line(clock)
    with line.in_use():
        one_brings(line, clock, 10 * MEGABYTE)
    line.one_is_slow()
    for _ in range(6):
        clock.now += 30.0  # a recording is transcribed meanwhile
        with line.in_use():
            several_bring(line, clock, 40 * MEGABYTE, files=1)
    assert line.wants_several
