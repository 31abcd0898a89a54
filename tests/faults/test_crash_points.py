"""Row 77: kill -9 at every call that changes something, then one more night: nothing is wrong."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from meeting_pipeline.sandbox.server import Sandbox
from tests.support.canaries import at
from tests.support.crash_site import TWO_CONNECTIONS, CrashSite
from tests.support.databases import clear
from tests.support.fault_table import ALL, FEW, PARTS, Tally
from tests.support.invariants import left_in
from tests.support.mariadb import MariaDb
from tests.support.night_processes import MAIN, NIGHT, WORKER, NightProcesses
from tests.support.syscall_trap import MUTATIONS, require_syscall_trap

pytestmark = pytest.mark.timeout(1800)

SQLITE = ("pwrite64", "fdatasync", "ftruncate")
"""What hardly anybody but SQLite calls, whose thread waits for ffmpeg: nights may be without it."""
FILES = tuple(name for name in MUTATIONS if name not in SQLITE)
MESSAGES = ("sendto",)
BESIDE = tuple(name for name in MUTATIONS if name not in MESSAGES)

MakeSite = Callable[..., CrashSite]


@pytest.fixture
def site(two_lessons: Sandbox, processes: NightProcesses, tmp_path: Path, tables: Path) -> MakeSite:
    def make(**changes: Any) -> CrashSite:
        usual: dict[str, Any] = {"sandbox": two_lessons, "template": tables, "lessons": 2}
        return CrashSite(processes=processes, folder=tmp_path, **(usual | changes))

    require_syscall_trap()
    return make


def every(of_all: int, of_a_sample: int) -> int:
    """One in how many points is tried by all parts together, here and with FAULTS=all."""
    return of_all if ALL else of_a_sample


@pytest.mark.parametrize("part", range(PARTS))
def test_row_77_the_thread_of_a_record_killed_at_any_call_with_ffmpeg(
    part: int, site: MakeSite, request: pytest.FixtureRequest
) -> None:
    tally = Tally("a record's thread, ffmpeg", every(1, 60))
    crash = site(ffmpeg=True)
    if part == 0:
        assert_reaches_ffmpeg(crash)
    enumerate_calls(crash, tally, WORKER, FILES, part)
    tally.told(request)


@pytest.mark.parametrize("part", range(PARTS))
def test_row_77_the_thread_of_a_record_killed_at_any_call_with_sqlite(
    part: int, site: MakeSite, request: pytest.FixtureRequest
) -> None:
    tally = Tally("a record's thread, SQLite", every(1, 60))
    enumerate_calls(site(), tally, WORKER, SQLITE, part)
    tally.told(request)


@pytest.mark.parametrize("part", range(FEW))
def test_row_77_the_thread_of_a_record_killed_at_any_call_without_ffmpeg(
    part: int, site: MakeSite, request: pytest.FixtureRequest
) -> None:
    """Files are made as they are with it, but for the sound."""
    tally = Tally("a record's thread, no ffmpeg", every(16, 120))
    enumerate_calls(site(), tally, WORKER, FILES, part, FEW)
    tally.told(request)


@pytest.mark.parametrize("part", range(PARTS))
def test_row_77_the_main_thread_killed_at_any_call_with_sqlite(
    part: int, site: MakeSite, request: pytest.FixtureRequest
) -> None:
    tally = Tally("the main thread, SQLite", every(1, 40))
    enumerate_calls(site(words=NIGHT), tally, MAIN, MUTATIONS, part)
    tally.told(request)


def test_row_77_a_first_night_killed_while_it_makes_its_tables(
    site: MakeSite, request: pytest.FixtureRequest
) -> None:
    tally = Tally("the first night's tables", every(12, 90))
    enumerate_calls(site(template=None, words=NIGHT), tally, MAIN, MUTATIONS, part=3, parts=1)
    tally.told(request)


@pytest.fixture
def on_server(site: MakeSite, mariadb: MariaDb) -> CrashSite:
    return site(changes=at(mariadb), before_each=lambda: clear(mariadb))


@pytest.mark.parametrize("part", range(PARTS))
def test_row_77_the_thread_of_a_record_killed_at_any_message_to_mariadb(
    part: int, on_server: CrashSite, request: pytest.FixtureRequest
) -> None:
    tally = Tally("a record's thread, MariaDB", every(3, 110))
    enumerate_calls(on_server, tally, WORKER, MESSAGES, part)
    tally.told(request)


@pytest.mark.parametrize("part", range(FEW))
@pytest.mark.parametrize(
    ("thread", "names", "share"),
    [
        pytest.param(MAIN, MESSAGES, every(8, 100), id="main"),
        pytest.param(WORKER, BESIDE, every(16, 180), id="files"),
    ],
)
def test_row_77_killed_at_some_other_calls_of_a_night_with_mariadb(
    thread: str,
    names: tuple[str, ...],
    share: int,
    part: int,
    on_server: CrashSite,
    request: pytest.FixtureRequest,
) -> None:
    where = "the main thread, MariaDB" if thread == MAIN else "files beside MariaDB"
    tally = Tally(where, share)
    enumerate_calls(on_server, tally, thread, names, part, FEW)
    tally.told(request)


@pytest.mark.parametrize("part", range(FEW))
def test_row_77_a_record_s_thread_killed_at_any_call_while_aria2_downloads(
    part: int, site: MakeSite, large_lesson: Sandbox, request: pytest.FixtureRequest
) -> None:
    tally = Tally("a record's thread, aria2c", every(24, 140))
    several = site(sandbox=large_lesson, lessons=1, changes=TWO_CONNECTIONS)
    if part == 0:
        assert_reaches_aria2(several)
    enumerate_calls(several, tally, WORKER, MUTATIONS, part, FEW)
    tally.told(request)


def test_a_night_killed_while_aria2c_starts_leaves_no_temporary_file(
    site: MakeSite, large_lesson: Sandbox
) -> None:
    first = site(sandbox=large_lesson, lessons=1, changes=TWO_CONNECTIONS)
    assert_reaches_aria2(first)
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


def assert_reaches_aria2(site: CrashSite) -> None:
    """One probe before aria2's requests, and one after them; one stream needs no more than one."""
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
    site: CrashSite,
    tally: Tally,
    thread: str,
    names: tuple[str, ...],
    part: int,
    parts: int = PARTS,
) -> None:
    """Kill at one in so many calls of each name as the tally says; this part of them."""
    victim = site.victim()
    calls = site.processes.calls(victim.order, thread, names)
    assert site.harm(victim) == []
    victim.forget()
    step = tally.every * parts
    for name, number in points(calls, step, part):
        victim = site.victim()
        ended = site.processes.run_killed_at(victim.order, thread, name, number)
        victim.kills = int(ended.was_killed)
        unharmed = tally.point(site.harm(victim), f"{thread} {name} {number}", victim.kills)
        if unharmed:
            victim.forget()
    assert tally.points >= sum(calls.values()) // step // 2


def points(calls: Mapping[str, int], step: int, part: int) -> Iterator[tuple[str, int]]:
    """Every `step`-th (name, number) of all the calls there are, in one row after another."""
    row = ((name, number) for name in sorted(calls) for number in range(1, calls[name] + 1))
    return islice(row, part, None, step)
