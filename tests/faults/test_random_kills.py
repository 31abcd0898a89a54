"""Row 77, the complement: kills at any time, with eight records and their children in flight."""

from pathlib import Path
from random import Random

import pytest

from meeting_pipeline.sandbox.server import Sandbox
from tests.support.crash_site import CrashSite
from tests.support.fault_table import ALL, PARTS, Tally
from tests.support.night_processes import NightProcesses

pytestmark = pytest.mark.timeout(1800)

LESSONS, IN_FLIGHT = 16, 8
KILLS = 200 if ALL else 6
CHAIN = 13 if ALL else 6
WORDS = ("run", "--since", "30d", "--json", "--jobs", str(IN_FLIGHT))
CHANGES = {
    "LOG_LEVEL": "debug",  # so that secrets have every chance to be seen
    "ASR_CONCURRENCY": "2",
    "LLM_CONCURRENCY": "2",
}
PAYING = int(CHANGES["ASR_CONCURRENCY"]) + int(CHANGES["LLM_CONCURRENCY"])
"""Calls that one kill may cost: an answer is kept before its slot goes to the next call."""


@pytest.mark.parametrize("part", range(PARTS))
def test_row_77_killed_at_any_time_again_and_again_with_eight_records_in_flight(
    part: int,
    sixteen_lessons: Sandbox,
    processes: NightProcesses,
    tables: Path,
    tmp_path: Path,
    chance: Random,
    request: pytest.FixtureRequest,
) -> None:
    site = CrashSite(
        sixteen_lessons,
        processes,
        tmp_path,
        LESSONS,
        WORDS,
        tables,
        changes=CHANGES,
        ffmpeg=True,
    )
    tally = Tally("at random times, 8 in flight", every=0)
    while tally.points < KILLS // PARTS:
        _chain(site, tally, chance)
    tally.told(request)


def _chain(site: CrashSite, tally: Tally, chance: Random) -> None:
    """Kill nights of one installation until enough are killed or one is over before; then look."""
    victim = site.victim()
    times: list[float] = []
    while len(times) < CHAIN:
        times.append(round(chance.uniform(0, site.truth.seconds / 4), 3))
        if not site.processes.run_killed_after(victim.order, times[-1]).was_killed:
            break
        victim.kills += 1
    unharmed = tally.point(site.harm(victim, PAYING), f"killed after {times} s", victim.kills)
    if unharmed:
        victim.forget()
