"""The fault tests find the bugs they are there for: each is planted into nights."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from meeting_pipeline.sandbox.server import Sandbox
from tests.faults.test_power_loss import harm_of, recorded_night
from tests.support import fault_table
from tests.support.crash_site import CrashSite
from tests.support.fault_table import ALL
from tests.support.invariants import Finding
from tests.support.night_processes import NIGHT, WORKER, NightProcesses, night_processes
from tests.support.planted import COUNTING, KEYLESS, POWER_BUGS, TALKING, Bug
from tests.support.power import CutDisk, Survivors, calls_in, cut_disks
from tests.support.syscall_trap import require_syscall_trap
from tests.support.tracing import require_tracing

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not ALL, reason="planting bugs belongs to `make faults`"),
]

TRIES = 40
MakeSite = Callable[..., CrashSite]


@pytest.fixture
def no_secret_is_seen() -> None:
    """Here they are meant to be: one bug spreads them."""


@pytest.fixture
def site(two_lessons: Sandbox, processes: NightProcesses, tmp_path: Path, tables: Path) -> MakeSite:
    """Its truth is that of the package without the bug."""

    def make(**changes: Any) -> CrashSite:
        usual: dict[str, Any] = {"template": tables, "lessons": 2, "words": NIGHT}
        return CrashSite(two_lessons, processes, tmp_path, **(usual | changes))

    return make


@pytest.mark.parametrize("bug", POWER_BUGS, ids=lambda bug: bug.name)
def test_a_power_cut_shows_that(
    bug: Bug, site: MakeSite, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    require_tracing()
    crash = site()
    with night_processes(bug.plant) as crash.processes:
        disk, log = recorded_night(crash, tmp_path / "log")
        cuts = [cut for cut in cut_disks(disk, calls_in(log)) if has_one_of(cut, bug.file)]
        assert_found(bug, (harm_of(cut, crash) for cut in spread(cuts)), request)


def test_a_kill_shows_that_one_is_added_instead_of_counting_from_rows(
    site: MakeSite, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    require_syscall_trap()
    crash = site()
    with night_processes(COUNTING.plant) as crash.processes:
        calls = crash.processes.calls(crash.victim().order, WORKER, ("pwrite64",))["pwrite64"]
        assert_found(COUNTING, (killed(crash, number) for number in range(calls, 0, -1)), request)


@pytest.mark.parametrize("bug", [TALKING, KEYLESS], ids=lambda bug: bug.name)
def test_any_night_shows_that(
    bug: Bug, site: MakeSite, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    crash = site(template=None)
    with night_processes(bug.plant) as crash.processes:
        assert_found(bug, [crash.harm(crash.victim())], request)


def has_one_of(cut: CutDisk, file: str) -> bool:
    return any(re.search(file, path) for path in cut.files)


def spread(cuts: Sequence[CutDisk]) -> Iterator[CutDisk]:
    """Late ones and early ones, of each kind in turn."""
    kinds = [[cut for cut in cuts if cut.survivors is kind] for kind in Survivors]
    rows = [kind[:: -max(1, len(kind) // (TRIES // len(kinds)))] for kind in kinds]
    return (cut for row in zip_longest(*rows) for cut in row if cut)


def killed(crash: CrashSite, number: int) -> list[Finding]:
    """What is wrong after a record's thread was killed at that write, and one more night."""
    victim = crash.victim()
    crash.processes.run_killed_at(victim.order, WORKER, "pwrite64", number)
    victim.kills = 1
    return crash.harm(victim)


def assert_found(bug: Bug, tries: Iterable[list[Finding]], request: pytest.FixtureRequest) -> None:
    """One of the tries shows one of the harms that the bug does."""
    for number, findings in zip(range(TRIES), tries, strict=False):
        told = [str(finding) for finding in findings if finding.harm in bug.harms]
        if told:
            fault_table.say_found(request, f"{bug.name}: try {number + 1}: {told[0][:120]}")
            return
    pytest.fail(f"{bug.name}: not found in {TRIES} tries")
