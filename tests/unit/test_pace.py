"""How many files a host brings at once, and which hosts several connections are for."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier, Event

import pytest

from meeting_pipeline.adapters.downloads.pace import Line
from meeting_pipeline.domain.timing import Resource
from meeting_pipeline.errors import Stopped
from meeting_pipeline.run.gates import Gates

MEGABYTE = 1_000_000
LARGE = 1 << 40


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
    """With one file under way."""
    line = Line(clock=clock)
    with line.in_use():
        yield line


def one_brings(line: Line, clock: Clock, bytes_per_s: int, seconds: float = 0.5) -> list[bool]:
    answers = []
    for _ in range(round(seconds / 0.05)):
        clock.now += 0.05
        answers.append(line.one_brought(bytes_per_s // 20, LARGE))
    return answers


def several_bring(line: Line, clock: Clock, bytes_per_s: int, files: int) -> None:
    for _ in range(files):
        clock.now += 0.25
        line.several_brought(bytes_per_s // 4)


# ── connections of a file ────────────────────────────────────────────────────────────────────────


def test_nothing_is_expected_of_a_host_that_nobody_knows(line: Line) -> None:
    assert not line.wants_several


def test_a_fast_connection_is_left_alone(line: Line, clock: Clock) -> None:
    assert not any(one_brings(line, clock, 25 * MEGABYTE))


def test_a_slow_connection_is_told_so_unless_little_is_missing(line: Line, clock: Clock) -> None:
    assert one_brings(line, clock, 10 * MEGABYTE)[-1]
    assert not line.one_brought(MEGABYTE, rest=MEGABYTE // 2)


def test_several_go_on_where_they_bring_more(line: Line, clock: Clock) -> None:
    one_brings(line, clock, 19 * MEGABYTE)
    several_bring(line, clock, 40 * MEGABYTE, files=60)
    assert line.wants_several


def test_one_is_left_alone_where_no_more_comes_in_all(line: Line, clock: Clock) -> None:
    one_brings(line, clock, 19 * MEGABYTE)
    several_bring(line, clock, 19 * MEGABYTE, files=5)
    several_bring(line, clock, 19 * MEGABYTE, files=1)
    assert not line.wants_several
    assert not any(one_brings(line, clock, 5 * MEGABYTE))


def test_a_slow_start_of_several_proves_nothing(line: Line, clock: Clock) -> None:
    one_brings(line, clock, 19 * MEGABYTE)
    several_bring(line, clock, 2 * MEGABYTE, files=2)
    several_bring(line, clock, 40 * MEGABYTE, files=4)
    assert line.wants_several


def test_time_without_a_file_is_not_held_against_several(clock: Clock) -> None:
    line = Line(clock=clock)
    with line.in_use():
        one_brings(line, clock, 10 * MEGABYTE)
    for _ in range(6):
        clock.now += 30.0  # a recording is transcribed meanwhile
        with line.in_use():
            several_bring(line, clock, 40 * MEGABYTE, files=1)
    assert line.wants_several


# ── files at once ────────────────────────────────────────────────────────────────────────────────


class Crowd:
    """Files that want to begin; each is under way until its turn to leave comes."""

    def __init__(self, line: Line, size: int) -> None:
        self._line = line
        self._leave = Event()
        self._pool = ThreadPoolExecutor(size)
        self._begun = [Event() for _ in range(size)]
        self.files = [self._pool.submit(self._be, begun) for begun in self._begun]

    def _be(self, begun: Event) -> None:
        with self._line.in_use():
            begun.set()
            self._leave.wait()

    def count(self, at_least: int = 0) -> int:
        """How many are under way; waits a while until so many are."""
        for _ in range(1_000):
            waiting = [begun for begun in self._begun if not begun.is_set()]
            if len(self._begun) - len(waiting) >= at_least:
                break
            waiting[0].wait(0.01)
        return sum(begun.is_set() for begun in self._begun)

    def end(self) -> None:
        self._leave.set()
        self._pool.shutdown()


@pytest.fixture
def crowd(line: Line, clock: Clock) -> Iterator[Crowd]:
    """Four that wait while one is under way."""
    crowd = Crowd(line, 4)
    while len(line._queue) < 4:
        Event().wait(0.001)
    yield crowd
    line.close()
    crowd.end()


def test_files_come_one_after_the_other_where_one_fills_the_line(
    line: Line, clock: Clock, crowd: Crowd
) -> None:
    one_brings(line, clock, 40 * MEGABYTE, seconds=1.9)
    assert crowd.count() == 0
    one_brings(line, clock, 40 * MEGABYTE, seconds=0.8)
    assert crowd.count(1) == 1, "one more is tried"
    one_brings(line, clock, 40 * MEGABYTE, seconds=10)
    assert crowd.count() == 1, "and no more, for no more came"


def test_more_come_at_once_for_as_long_as_more_comes_in_all(
    line: Line, clock: Clock, crowd: Crowd
) -> None:
    one_brings(line, clock, 25 * MEGABYTE, seconds=1.5)
    for under_way in range(1, 5):
        one_brings(line, clock, under_way * 25 * MEGABYTE, seconds=1.2)
        assert crowd.count(under_way) == under_way


def test_the_gate_is_told_who_holds_a_slot_and_waits_for_the_line(clock: Clock) -> None:
    gates = Gates({Resource.DOWNLOAD: 4}, clock)
    gate = gates[Resource.DOWNLOAD]
    line = Line(gate=gate, clock=clock)

    def fetch() -> float:
        with gate.slot(), line.in_use():
            return gates.waited_s()

    with ThreadPoolExecutor(1) as pool, gate.slot():
        with line.in_use():
            later = pool.submit(fetch)
            while gate.use().waiting < 1:
                Event().wait(0.001)
            assert (gate.use().used, gate.use().slots) == (1, 1)
            clock.now += 0.5
        assert later.result(timeout=30) == 0.5


def test_nobody_waits_where_a_connection_is_slow(line: Line, clock: Clock, crowd: Crowd) -> None:
    one_brings(line, clock, 10 * MEGABYTE, seconds=0.3)
    assert crowd.count(4) == 4


def test_the_next_one_begins_while_the_last_bytes_of_one_still_come(
    line: Line, clock: Clock, crowd: Crowd
) -> None:
    one_brings(line, clock, 40 * MEGABYTE)
    line.one_brought(MEGABYTE, rest=5 * MEGABYTE)
    line.one_brought(MEGABYTE, rest=-MEGABYTE)  # of a file whose length nobody told
    assert crowd.count() == 0
    line.one_brought(MEGABYTE, rest=MEGABYTE)
    assert crowd.count(1) == 1
    line.one_brought(MEGABYTE, rest=1)
    assert crowd.count() == 1, "and no other"


def test_files_come_one_after_the_other_again_where_several_connections_bring_no_more(
    clock: Clock,
) -> None:
    line = Line(clock=clock)
    with line.in_use():
        one_brings(line, clock, 10 * MEGABYTE)
        several_bring(line, clock, 10 * MEGABYTE, files=6)
        crowd = Crowd(line, 2)
        one_brings(line, clock, 10 * MEGABYTE)
        assert crowd.count() == 0
        line.close()
    crowd.end()


def test_nobody_waits_long_for_a_file_that_stands_still(clock: Clock, crowd: Crowd) -> None:
    clock.now += 5.0
    assert crowd.count(1) >= 1


def test_who_waits_is_woken_at_the_end(line: Line, crowd: Crowd) -> None:
    line.close()
    assert [type(file.exception(timeout=30)) for file in crowd.files] == [Stopped] * 4


def test_no_more_are_under_way_than_shall_be_whoever_comes_when(clock: Clock) -> None:
    line, most, together = Line(clock=clock), 0, Barrier(8)
    under_way: set[int] = set()

    def fetch(number: int) -> None:
        nonlocal most
        together.wait()
        for _ in range(50):
            with line.in_use():
                under_way.add(number)
                most = max(most, len(under_way))
                under_way.discard(number)

    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(8))
        for ended in [pool.submit(fetch, number) for number in range(8)]:
            ended.result()
    assert most == 1
