"""Every damaged state: what doctor says, what repair does, and what the next night makes of it."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from meeting_pipeline.actions import repair
from meeting_pipeline.adapters.db.run_lock import DatabaseRunLock
from meeting_pipeline.domain.damage import Kind, Verdict
from meeting_pipeline.domain.lock_holder import LockHolder
from meeting_pipeline.runtime import lock_file
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.upkeep.repair.modes import mode_of
from meeting_pipeline.wiring import backends
from tests.support import damaged_states
from tests.support.canaries import at
from tests.support.crash import killed_at
from tests.support.crash_site import CrashSite
from tests.support.damaged_states import HEALED, MUSEUM, Exhibit, Place
from tests.support.databases import clear
from tests.support.mariadb import MariaDb
from tests.support.night_processes import NightEnd, NightProcesses
from tests.support.repair_setups import Room, Rooms, found_by
from tests.support.system_programs import require_program

OK, USAGE, CONFIG, BUSY = 0, 2, 3, 75
QUICK = {"DOWNLOADER": "http"}
EVERY = 11  # one step of a repair in eleven


@pytest.fixture(scope="module")
def rooms(
    two_lessons: Sandbox,
    processes: NightProcesses,
    tables: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Rooms:
    folder = tmp_path_factory.mktemp("damaged")
    site = CrashSite(two_lessons, processes, folder, lessons=2, template=tables, changes=QUICK)
    return Rooms(site)


@pytest.fixture(scope="module")
def rooms_on_server(
    two_lessons: Sandbox,
    processes: NightProcesses,
    mariadb: MariaDb,
    tmp_path_factory: pytest.TempPathFactory,
    tables: Path,
) -> Rooms:
    site = CrashSite(
        two_lessons,
        processes,
        tmp_path_factory.mktemp("damaged"),
        lessons=2,
        template=tables,
        changes={**QUICK, **at(mariadb)},
        before_each=lambda: clear(mariadb),
    )
    return Rooms(site)


def names(exhibit: Exhibit) -> str:
    return exhibit.name.replace(" ", "-")


@pytest.mark.parametrize("exhibit", MUSEUM, ids=names)
def test_doctor_and_repair_give_their_verdict(exhibit: Exhibit, rooms: Rooms) -> None:
    assert rooms.set_up(exhibit).red() == exhibit.red

    room = rooms.set_up(exhibit)
    before, database = room.tree(), room.database()
    examine_answer(exhibit, room.repair("--dry-run"))
    assert room.tree() == before, "a dry run has changed something"
    assert room.database() == database or not exhibit.is_hopeless
    examine(exhibit, room)


IN_ROWS = [one for one in MUSEUM if one.in_rows]


@pytest.mark.parametrize("exhibit", IN_ROWS, ids=names)
def test_the_same_with_rows_on_a_server(exhibit: Exhibit, rooms_on_server: Rooms) -> None:
    examine(exhibit, rooms_on_server.set_up(exhibit))


@pytest.mark.parametrize("exhibit", HEALED, ids=names)
def test_what_the_next_night_heals_is_not_for_repair(exhibit: Exhibit, rooms: Rooms) -> None:
    room = rooms.set_up(exhibit)
    data_dir, before = str(room.place.data), room.tree()  # which every command makes

    done = room.repair()

    assert (done.code, found_by(done)) == (OK, {})
    assert room.tree() | {data_dir: None} == before | {data_dir: None}
    assert room.checks()["damage"] is True
    assert room.harm() == []
    assert room.changed() == []


def examine(exhibit: Exhibit, room: Room) -> None:
    before, database = room.tree(), room.database()
    done = room.repair()
    examine_answer(exhibit, done)
    assert done.code == (CONFIG if exhibit.refused or exhibit.left else OK)
    assert room.changed() == []

    if exhibit.left == exhibit.found:
        assert room.tree() == before, "what cannot be repaired was changed"
    else:
        after, again = room.tree(), room.repair()
        assert (again.code, found_by(again)) == (OK, exhibit.left)
        assert room.tree() == after
    if exhibit.is_hopeless:
        assert room.database() == database
        return
    assert room.harm() == []
    assert room.changed() == []


def examine_answer(exhibit: Exhibit, answer: NightEnd) -> None:
    if exhibit.refused:
        assert answer.report["error"]["code"] == exhibit.refused
        return
    assert found_by(answer) == exhibit.found
    is_plan = answer.report["dry_run"]
    for one in answer.report["findings"]:
        assert one["repaired"] == (one["verdict"] == "repair" and not is_plan)


# ── who else is there ────────────────────────────────────────────────────────────────────────────


def exhibit_of(damage: Callable[[Place], object]) -> Exhibit:
    return next(exhibit for exhibit in MUSEUM if exhibit.damage is damage)


def test_a_run_at_work_is_not_disturbed(rooms: Rooms) -> None:
    room = rooms.set_up(exhibit_of(damaged_states.torn_texts_of_what_is_done))
    before = room.tree()
    with lock_file.run_lock(
        room.place.data / "run.lock", LockHolder.here("cron", backends.utc_now())
    ):
        refused = room.repair()
        assert room.tree() == before
        assert room.checks()["damage"] is None
    assert (refused.code, refused.report["error"]["code"]) == (BUSY, "already_running")


def test_a_run_at_work_on_another_host_is_not_disturbed(rooms_on_server: Rooms) -> None:
    room = rooms_on_server.set_up(exhibit_of(damaged_states.runs_whose_process_was_killed))
    there = DatabaseRunLock(
        room.place.office.settings.database_url, LockHolder.here("cron", backends.utc_now())
    )
    assert there.take()
    try:
        refused = room.repair()
        assert room.checks()["damage"] is None
    finally:
        there.close()
    assert (refused.code, refused.report["error"]["code"]) == (BUSY, "already_running")
    assert "damage" in room.red()


# ── any instant ──────────────────────────────────────────────────────────────────────────────────


def much_at_once(place: Place) -> None:
    """Something of every module of repair."""
    damaged_states.torn_texts_of_what_is_done(place)
    damaged_states.runs_whose_process_was_killed(place)
    damaged_states.foreign_files(place)
    damaged_states.files_and_folders_of_ours_with_other_modes(place)


def test_killed_at_any_step_the_next_repair_goes_on(rooms: Rooms) -> None:
    torn = exhibit_of(damaged_states.torn_texts_of_what_is_done)
    kills = 0
    for step in count(1, EVERY):
        room = rooms.set_up(replace(torn, damage=much_at_once))
        settings, env_file = room.place.office.settings, room.place.cwd / ".env"
        if not killed_at(step, partial(repair.repair, settings, env_file, dry_run=False)):
            break
        kills += 1
        assert room.repair().code == OK
        again = room.repair()
        assert found_by(again) == {}, f"killed at step {step}"
        assert room.changed() == []
    assert kills > 3
    assert room.harm() == []


# ── what is said ─────────────────────────────────────────────────────────────────────────────────


def test_the_way_back_from_a_broken_database_is_the_one_that_is_shown(rooms: Rooms) -> None:
    room = rooms.set_up(exhibit_of(damaged_states.a_database_with_a_broken_page))
    [finding] = room.repair().report["findings"]
    command, _, _ = finding["action"].partition(";")

    subprocess.run(["sh", "-c", command], check=True)

    assert room.repair().code == OK
    assert room.harm() == []


def test_people_are_told_in_both_languages(rooms: Rooms) -> None:
    room = rooms.set_up(exhibit_of(damaged_states.torn_texts_of_what_is_done))
    plan = room.command("doctor", "--repair", "--dry-run")
    done = room.command("doctor", "--repair")
    sound = room.command("doctor", "--repair")
    alone = room.command("doctor", "--dry-run")

    assert (plan.code, done.code, sound.code, alone.code) == (CONFIG, OK, OK, USAGE)
    assert "可修复 can be repaired" in plan.out
    assert "试运行 dry run: nothing was changed" in plan.out
    assert "已修复 repaired: 3" in done.out
    assert "没有损坏 nothing is damaged" in sound.out


def test_a_glance_that_takes_too_long_says_so(rooms: Rooms) -> None:
    room = rooms.set_up(exhibit_of(damaged_states.a_folder_that_is_gone))
    settings = room.place.office.settings

    assert repair.glance(settings, lambda: True).ok is None
    assert repair.glance(settings, lambda: False).ok is False


def test_what_is_closed_to_us_is_opened_and_looked_through_at_once(
    rooms: Rooms,
) -> None:
    room = rooms.set_up(exhibit_of(damaged_states.torn_texts_of_what_is_done))
    for path in (room.place.folder() / "summary.json", room.place.folder()):
        path.chmod(0)
    room.place.folder().parent.chmod(0)
    (room.place.data / "meeting.db").chmod(0)
    torn = {("texts_lost", "repair"): 3}

    plan = bound(room, "--dry-run")
    done, again = bound(room), bound(room)

    assert found_by(plan) == {("permissions", "repair"): 2}
    assert found_by(done) == torn | {("permissions", "repair"): 4}
    assert (done.code, found_by(again)) == (OK, {})
    assert room.harm() == []


def bound(room: Room, *words: str) -> NightEnd:
    """A repair by a user who is bound by modes, as root is not."""
    setpriv = require_program("setpriv", "util-linux")
    unprivileged = [setpriv, "--bounding-set=-dac_override,-dac_read_search"]
    command = [sys.executable, "-m", "meeting_pipeline", "doctor", "--repair", "--json", *words]
    ended = subprocess.run(
        [*(unprivileged if os.geteuid() == 0 else []), *command],
        env={**os.environ, **room.victim.order.environment},
        cwd=room.victim.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return NightEnd(ended.returncode, ended.stdout, ended.stderr)


def test_what_belongs_to_another_user_is_for_the_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "transcript.json"
    path.write_bytes(b"{}")
    path.chmod(0o600)
    assert list(mode_of(path, "a")) == []

    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)

    [finding] = mode_of(path, "a")
    assert (finding.kind, finding.verdict) == (Kind.PERMISSIONS, Verdict.NEEDS_YOU)
    assert "chown" in finding.action
