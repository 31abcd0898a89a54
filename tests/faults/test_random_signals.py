"""Row 76, the complement: Ctrl-C and SIGTERM at any time of a listing, of a wait and of a run."""

import random
import shutil
import signal
from pathlib import Path

import pytest

from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.crash_site import CrashSite, Victim
from tests.support.fault_table import ALL, PARTS, Tally
from tests.support.night_processes import NightEnd, NightProcesses

pytestmark = pytest.mark.timeout(1800)

SIGNALS = 1000 if ALL else 200
"""Over all moments below."""

CHAIN = 10
"""So many nights of one installation are signalled, then one is not."""

SOON_S = 10.0
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
IN_FLIGHT = 2
WORDS = ("run", "--since", "30d", "--json", "--jobs", str(IN_FLIGHT))
MOMENTS = {
    "a listing": Fault(Kind.STALL, "corp_records", amount=3 * SOON_S),
    "a wait of the listing": Fault(Kind.HTTP_429, "corp_records", text="100"),
    "a wait of the records": Fault(Kind.HTTP_429, "chat", text="100"),
    "a run": None,
}
"""What keeps a night there, where it would not stay by itself for as long as it must end in."""


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("part", range(PARTS))
def test_row_76_a_signal_at_any_time_ends_a_night_soon_and_the_next_one_completes_it(
    part: int,
    moment: str,
    two_lessons: Sandbox,
    processes: NightProcesses,
    tables: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    site = CrashSite(
        two_lessons, processes, tmp_path, 2, WORDS, tables, ffmpeg=MOMENTS[moment] is None
    )
    seed = f"{moment}, {part}"
    print("seed:", seed)  # noqa: T201 (pytest shows it where the test fails)
    tally, chance = Tally(f"signals in {moment}", every=0), random.Random(seed)
    while tally.points < SIGNALS // PARTS // len(MOMENTS):
        _chain(site, MOMENTS[moment], tally, chance)
    tally.told(request)


def _chain(site: CrashSite, keeping: Fault | None, tally: Tally, chance: random.Random) -> None:
    """Signal nights of one installation until enough are ended or one is over; then look."""
    victim, sent = site.victim(), list[str]()
    for _ in range(CHAIN):
        number = chance.choice(list(CODES))
        after_s = round(chance.uniform(0, site.truth.seconds), 3)
        ended = _signalled(site, victim, keeping, after_s, number)
        sent.append(f"{number.name} after {after_s} s")
        _check(ended, number, sent[-1], may_be_over=keeping is None)
        victim.kills += 1
        if ended.code == 0:
            break
    shutil.rmtree(victim.office.folder / "rates", ignore_errors=True)  # what it was told to wait
    if tally.point(site.harm(victim, IN_FLIGHT), ", ".join(sent), victim.kills):
        victim.forget()


def _signalled(
    site: CrashSite,
    victim: Victim,
    keeping: Fault | None,
    after_s: float,
    number: signal.Signals,
) -> NightEnd:
    if keeping is not None:
        site.sandbox.faults.add(keeping)
    try:
        return site.processes.run_signalled_after(victim.order, after_s, number, SOON_S)
    finally:
        site.sandbox.faults.clear()


def _check(ended: NightEnd, number: signal.Signals, how: str, *, may_be_over: bool) -> None:
    """It ended, for the signal and for nothing else; before its first line the signal kills it."""
    assert not ended.was_killed, f"{how}: it still ran {SOON_S:g} s later: {ended.err}"
    codes = {CODES[number], -number, *([0] if may_be_over else [])}
    assert ended.code in codes, f"{how}: {ended.code} {ended.err}"
    noise = [words for words in ("Exception ignored", "a bug") if words in ended.err]
    assert noise == [], f"{how}: {ended.err}"
