"""Nights on a machine whose clock is wrong, against a Tencent whose clock is right.

Six recordings, one before each of six nights. `time.time` is the clock of the machine; the sandbox
has the clock of the world.
"""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meeting_pipeline.actions.night import night
from meeting_pipeline.domain.stages import RecordStatus, RunReport, RunRequest
from meeting_pipeline.domain.window import Window
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.wiring import run
from tests.support.clocks import WorldClock
from tests.support.command import meeting
from tests.support.rows import set_watermark
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import SECONDS, SHORT_IS_FINE, company, lesson, record_id, tone

DAY = timedelta(days=1)
BEGAN = datetime(2026, 1, 5, 19, 0, tzinfo=UTC)
NIGHTS = 6
NOTHING_LISTED = 4
SETTINGS = {
    **SHORT_IS_FINE,
    "DOWNLOADER": "http",
    "ASR_BACKEND": "openai",
    "TQM_LOOKBACK_DAYS": "2",
}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> WorldClock:
    clock = WorldClock(BEGAN)
    monkeypatch.setattr(time, "time", clock.on_this_machine)
    return clock


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sounds")


@pytest.fixture
def sandbox(sounds: Path, world: WorldClock) -> Iterator[Sandbox]:
    with Sandbox(company(), limits=ROOMY, now=world) as running:
        for number in range(NIGHTS):
            hold_a_lesson(running, sounds, number, BEGAN + number * DAY - timedelta(hours=8))
        yield running


@pytest.fixture
def office(sandbox: Sandbox, tmp_path: Path) -> Office:
    return Office(sandbox, tmp_path / "data", changes=SETTINGS)


def hold_a_lesson(sandbox: Sandbox, sounds: Path, number: int, start: datetime) -> None:
    """Hold a lesson that Tencent lists from the moment in which it is over."""
    began = start.timestamp()
    one = lesson(number, tone(sounds, number), started_at=began, ended_at=began + SECONDS)
    sandbox.company.add(replace(one, started_at=began, appears_at=began + SECONDS, stays=()))


def finished(office: Office) -> set[str]:
    rows = office.rows().values()
    return {row.record_id for row in rows if row.status is RecordStatus.DONE}


def held_so_far(world: WorldClock) -> set[str]:
    return {record_id(number) for number in range((world.now - BEGAN).days + 1)}


def until_1970(world: WorldClock) -> timedelta:
    return datetime(1970, 1, 2, tzinfo=UTC) - world.now


@pytest.mark.parametrize("days", [200, 3, -3, -200, None], ids=lambda days: f"{days} days")
def test_row_03_a_clock_that_is_wrong_for_three_nights_loses_no_recording(
    office: Office, world: WorldClock, days: int | None
) -> None:
    seed = random.randrange(2**32)
    first_wrong = random.Random(seed).randrange(NIGHTS - 3)
    print(f"seed {seed}: the clock is wrong from night {first_wrong} on")  # noqa: T201
    for number in range(NIGHTS):
        is_wrong = first_wrong <= number < first_wrong + 3
        off = until_1970(world) if days is None else days * DAY
        world.wrong_by = off if is_wrong else timedelta()
        report = office.night()
        assert (report.exit_code, report.stopped_by) == (0, None)
        assert finished(office) == held_so_far(world)
        watermark = office.watermark()
        assert watermark is not None and abs(watermark - world.now) < timedelta(seconds=2)
        world.now += DAY
    assert finished(office) == {record_id(number) for number in range(NIGHTS)}


def test_row_03_what_failed_while_the_clock_was_ahead_is_tried_again_when_it_is_right(
    office: Office, sandbox: Sandbox, world: WorldClock
) -> None:
    sandbox.faults.add(Fault(Kind.ERROR_CODE, "addresses", amount=4044))
    world.wrong_by = 200 * DAY
    office.night()
    assert office.only().status is RecordStatus.FAILED
    sandbox.faults.clear()
    world.now, world.wrong_by = world.now + DAY, timedelta()
    assert office.night().exit_code == 0
    assert finished(office) == held_so_far(world)


def test_row_03_a_clock_that_is_ahead_removes_no_file_before_its_time(
    office: Office, world: WorldClock
) -> None:
    assert office.night().exit_code == 0
    world.now, world.wrong_by = world.now + DAY, 200 * DAY
    assert office.night().exit_code == 0
    assert office.files().count("recording.m4a") == 0
    assert sum(name.startswith("audio.m4a") for name in office.files()) == len(held_so_far(world))


def old_night(office: Office, started: datetime, wrong_by: timedelta) -> None:
    """Leave the rows of a complete night of a version that believed this machine's clock."""
    now, look_back = started + wrong_by, timedelta(days=2)
    with office.database() as rows:
        window = Window((rows.runs.watermark("tencent") or now) - look_back, now)
        run_id = rows.runs.start("cron", window)
        rows.runs.finish(RunReport(run_id, window, 0, 0, 0, 0, (), 0, 1.0))
        set_watermark(rows.runs, "tencent", now)


WRONG_NIGHTS = {
    "after good ones": [0, 0, 200, 200, 200],
    "from the first one on": [200, 200, 200, 200, 200],
    "for longer than it was ahead": [0, 3, 3, 3, 3],
}


@pytest.mark.parametrize("days", WRONG_NIGHTS.values(), ids=WRONG_NIGHTS)
def test_row_03_a_watermark_that_wrong_nights_left_in_the_future_is_refused_and_repaired(
    office: Office, world: WorldClock, caplog: pytest.LogCaptureFixture, days: Sequence[int]
) -> None:
    """Nothing was listed by the old nights here, so the first of them counts as the beginning."""
    for number, wrong_by in enumerate(days):
        old_night(office, BEGAN + number * DAY, wrong_by * DAY)
    world.now = BEGAN + (NIGHTS - 1) * DAY
    right = sum(wrong_by == 0 for wrong_by in days)

    report = office.night()

    assert report.exit_code == 0
    assert {record_id(number) for number in range(right, NIGHTS)} <= finished(office)
    assert report.window and office.watermark() == report.window.end
    assert "in the future" in caplog.text
    caplog.clear()
    assert office.night().exit_code == 0
    assert "in the future" not in caplog.text


@pytest.mark.parametrize("ahead", [3 * DAY, 200 * DAY, 7_000 * 365 * DAY])
def test_row_03_a_watermark_set_by_hand_to_the_future_loses_no_recording(
    office: Office, sandbox: Sandbox, world: WorldClock, ahead: timedelta
) -> None:
    assert office.night().exit_code == 0
    with office.database() as rows:
        set_watermark(rows.runs, "tencent", world.now + ahead)
    world.now += DAY
    broken_off = Fault(Kind.ERROR_CODE, "corp_records", amount=190311)
    sandbox.faults.add(broken_off)
    assert office.night().exit_code != 0
    assert office.watermark() == world.now - DAY + ahead, "not repaired before it is listed"
    sandbox.faults.clear()
    assert office.night().exit_code == 0
    assert finished(office) == held_so_far(world)
    watermark = office.watermark()
    assert watermark is not None and watermark <= world.now


def test_a_watermark_that_is_set_during_a_night_stays(office: Office, world: WorldClock) -> None:
    earlier = world.now - 30 * DAY

    class Operator(RunObserver):
        def run_started(self, run_id: int, window: Window | None) -> None:
            with office.database() as rows:
                set_watermark(rows.runs, "tencent", earlier)

    assert night(office.settings, Operator()).exit_code == 0
    assert office.watermark() == earlier


@pytest.mark.parametrize(
    "window",
    [
        Window(BEGAN, BEGAN - DAY),
        Window(BEGAN, BEGAN),
        Window(BEGAN + DAY, BEGAN + 2 * DAY),
    ],
    ids=["inverted", "empty", "in the future"],
)
def test_row_03_a_window_without_time_is_no_complete_listing(
    office: Office, window: Window
) -> None:
    with run.pipeline(office.settings, RunObserver(), jobs=1) as pipeline:
        report = pipeline.run(RunRequest("cron", window))
    assert not report.listing_complete
    assert (report.exit_code, report.stopped_by) == (NOTHING_LISTED, "empty_window")


@pytest.mark.parametrize("days", [200, -200])
def test_row_03_the_last_days_are_those_of_tencent(sounds: Path, tmp_path: Path, days: int) -> None:
    """In a process of its own, whose clock is the real one: here it is the world that is wrong."""
    world = WorldClock(datetime.now(UTC) - days * DAY)
    with Sandbox(company(), limits=ROOMY, now=world) as sandbox:
        hold_a_lesson(sandbox, sounds, 0, world.now - DAY)
        office = Office(sandbox, tmp_path / "data", changes=SETTINGS)
        ended = meeting("run", "--since", "2d", "--json", env=office.environment)
        assert (ended.code, ended.document["done"]) == (0, 1), ended.err
        assert finished(office) == {record_id(0)}
