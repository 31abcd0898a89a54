"""Row 78: the power fails at any call, what was not synced is gone; the next night mends it."""

import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest

from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.storage import files
from tests.support.crash_site import CrashSite
from tests.support.fault_table import ALL, FEW, PARTS, Tally
from tests.support.invariants import Finding
from tests.support.night_processes import MAIN, NightProcesses
from tests.support.power import CutDisk, Disk, calls_in, cut_disks, recorder
from tests.support.tracing import require_tracing

pytestmark = pytest.mark.timeout(1800)

EVERY = {False: 2, True: 32} if ALL else {False: 140, True: 350}
"""One in how many of the states is tried, without and with ffmpeg's part in them."""


@pytest.mark.parametrize(
    ("ffmpeg", "part", "parts"),
    [(False, part, PARTS) for part in range(PARTS)] + [(True, part, FEW) for part in range(FEW)],
)
def test_row_78_whatever_a_power_cut_leaves_is_made_whole(
    ffmpeg: bool,
    part: int,
    parts: int,
    two_lessons: Sandbox,
    processes: NightProcesses,
    tables: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    require_tracing()
    site = CrashSite(two_lessons, processes, tmp_path, lessons=2, template=tables, ffmpeg=ffmpeg)
    disk, log = recorded_night(site, tmp_path / "log")
    tally = Tally(f"power loss, {'ffmpeg' if ffmpeg else 'SQLite'}", EVERY[ffmpeg])
    for number, cut in enumerate(cut_disks(disk, calls_in(log))):
        if number % (tally.every * parts) == 7 * ffmpeg + part:
            tally.point(harm_of(cut, site), f"after {cut.after} calls, {cut.survivors}")
    tally.told(request)


def test_the_data_folder_s_own_name_is_durable(tmp_path: Path) -> None:
    """What is synced in a folder whose name is not would be lost with it."""
    require_tracing()
    folder, log = tmp_path / "new" / "data", tmp_path / "log"
    code = f"from {files.__name__} import private_folder as f, Path; f(Path({str(folder)!r}))"
    traced = ["strace", "-y", "-e", "trace=mkdir,fsync", "-o", str(log), sys.executable, "-c", code]

    subprocess.run(traced, check=True)

    calls = [line for line in log.read_text().splitlines() if str(tmp_path) in line]
    assert [call.partition("(")[0] for call in calls] == ["mkdir", "fsync", "mkdir", "fsync"]
    assert [
        f"<{parent}>" in call
        for parent, call in zip((folder.parent.parent, folder.parent), calls[1::2], strict=True)
    ] == [True, True]


def recorded_night(site: CrashSite, log: Path) -> tuple[Disk, Path]:
    """The disk as it was before an undisturbed night, and what that night did to it."""
    victim = site.victim()
    disk = Disk(victim.office.folder)
    replayed = deepcopy(disk)
    ended = site.processes.run_traced(victim.order, MAIN, recorder(log))
    assert ended.code == 0, ended.err
    for call in calls_in(log):
        replayed.play(call)
    assert replayed.files() == contents(victim.office.folder)  # the log tells all there was
    return disk, log


def harm_of(cut: CutDisk, site: CrashSite) -> list[Finding]:
    """What is wrong after a night that begins with this disk."""
    victim = site.victim()
    shutil.rmtree(victim.office.folder)
    victim.office.folder.mkdir(mode=0o700)
    cut.lay_out(victim.office.folder)
    victim.kills = 1
    victim.paid_before -= cut.answers
    found = site.harm(victim)
    victim.forget()
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """Every file by its path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
