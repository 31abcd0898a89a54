"""Row 77: kill -9 at every call that changes something, then one more night: nothing is wrong."""

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from meeting_pipeline.sandbox.server import Sandbox
from tests.support.canaries import at
from tests.support.crash_site import CrashSite
from tests.support.databases import clear
from tests.support.fault_table import ALL, PARTS, Tally
from tests.support.invariants import left_in
from tests.support.mariadb import MariaDb
from tests.support.night_processes import MAIN, NIGHT, WORKER, NightProcesses
from tests.support.tripwire import MUTATIONS, require_tripwire

pytestmark = pytest.mark.timeout(1800)

SENDING = ("sendto",)
WITHOUT_CHILDREN = ("pwrite64", "fdatasync", "ftruncate")
"""SQLite's: its thread waits for ffmpeg, so none runs then, and nights may be quick without."""

MakeSite = Callable[..., CrashSite]


@pytest.fixture
def site(two_lessons: Sandbox, processes: NightProcesses, tmp_path: Path, tables: Path) -> MakeSite:
    def make(**changes: Any) -> CrashSite:
        usual: dict[str, Any] = {"sandbox": two_lessons, "template": tables, "lessons": 2}
        return CrashSite(processes=processes, folder=tmp_path, **(usual | changes))

    require_tripwire()
    return make


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("ffmpeg", [True, False], ids=["ffmpeg", "alone"])
def test_row_77_the_thread_of_a_record_killed_at_any_call_with_sqlite(
    ffmpeg: bool, part: int, site: MakeSite, request: pytest.FixtureRequest
) -> None:
    tally = Tally("a record's thread, SQLite")
    names = tuple(name for name in MUTATIONS if (name in WITHOUT_CHILDREN) != ffmpeg)
    every = PARTS if ALL else 48
    crash = site(ffmpeg=ffmpeg)
    if ffmpeg and part == 0:
        assert_reaches_ffmpeg(crash)
    enumerate_calls(crash, tally, WORKER, names, every, part)
    tally.told(request)


@pytest.mark.parametrize("part", range(PARTS))
def test_row_77_the_main_thread_killed_at_any_call_with_sqlite(
    part: int, site: MakeSite, request: pytest.FixtureRequest
) -> None:
    tally = Tally("the main thread, SQLite")
    every = PARTS if ALL else 28
    enumerate_calls(site(words=NIGHT), tally, MAIN, MUTATIONS, every, part)
    tally.told(request)


def test_row_77_a_first_night_killed_while_it_makes_its_tables(
    site: MakeSite, request: pytest.FixtureRequest
) -> None:
    tally = Tally("the first night's tables")
    first = site(template=None, words=NIGHT)
    enumerate_calls(first, tally, MAIN, MUTATIONS, every=12 if ALL else 90, part=3)
    tally.told(request)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("thread", [MAIN, WORKER])
def test_row_77_either_thread_killed_at_any_message_with_mariadb(
    thread: str, part: int, site: MakeSite, mariadb: MariaDb, request: pytest.FixtureRequest
) -> None:
    tally = Tally("both threads, MariaDB")
    on_server = site(changes=at(mariadb), before_each=lambda: clear(mariadb))
    every = PARTS * (1 if thread == WORKER else 4) if ALL else 80
    enumerate_calls(on_server, tally, thread, SENDING, every, part)
    tally.told(request)


@pytest.mark.parametrize("part", range(PARTS))
def test_row_77_a_record_s_thread_killed_at_any_call_while_aria2c_downloads(
    part: int, site: MakeSite, lesson_for_aria2: Sandbox, request: pytest.FixtureRequest
) -> None:
    tally = Tally("a record's thread, aria2c")
    by_aria2 = site(sandbox=lesson_for_aria2, lessons=1)
    assert_reaches_aria2c(by_aria2)
    enumerate_calls(by_aria2, tally, WORKER, MUTATIONS, every=8 * PARTS if ALL else 100, part=part)
    tally.told(request)


def test_a_night_killed_while_aria2c_starts_leaves_no_temporary_file(
    site: MakeSite, lesson_for_aria2: Sandbox
) -> None:
    first = site(sandbox=lesson_for_aria2, lessons=1)
    assert_reaches_aria2c(first)
    victim = first.victim()
    connects = first.processes.calls(victim.order, WORKER, ("connect",))["connect"]
    left = []
    for number in range(1, connects + 1):
        victim = first.victim()
        first.processes.run_killed_at(victim.order, WORKER, "connect", number)
        left += list(left_in(victim.temporary))
        if left:
            break
    assert left == []


def assert_reaches_aria2c(site: CrashSite) -> None:
    """One connection begins, we look, aria2 asks at least once, and we look again."""
    before = site.sandbox.ledger.calls["media"]
    victim = site.victim()
    assert site.processes.run(victim.order).code == 0
    assert site.sandbox.ledger.calls["media"] - before >= 4
    victim.forget()


def assert_reaches_ffmpeg(site: CrashSite) -> None:
    """One child looks into media, and one more for each lesson is ffmpeg."""
    victim = site.victim()
    children = site.processes.calls(victim.order, WORKER, ("vfork",))["vfork"]
    assert children > site.lessons
    victim.forget()


def enumerate_calls(
    site: CrashSite, tally: Tally, thread: str, names: tuple[str, ...], every: int, part: int
) -> None:
    """Kill at every n-th call of each name, from `part` on, until a night passes without."""
    victim = site.victim()
    calls = site.processes.calls(victim.order, thread, names)
    assert site.harm(victim) == []
    victim.forget()
    for name, number in points(calls, every, part):
        victim = site.victim()
        ended = site.processes.run_killed_at(victim.order, thread, name, number)
        victim.kills = int(ended.was_killed)
        unharmed = tally.point(site.harm(victim), f"{thread} {name} {number}", victim.kills)
        if unharmed:
            victim.forget()
    assert tally.points >= sum(calls.values()) // every // 2


def points(calls: Mapping[str, int], every: int, part: int) -> Iterator[tuple[str, int]]:
    """Every `every`-th (name, number) of all the calls there are, in one row after another."""
    row = ((name, number) for name in sorted(calls) for number in range(1, calls[name] + 1))
    for place, point in zip(count(), row, strict=False):
        if place % every == part % every:
            yield point
