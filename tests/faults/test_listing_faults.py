"""Rows of the fault matrix about listing: what a whole night makes of them."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meeting_pipeline.domain.stages import RecordStatus, RunReport, RunRequest
from meeting_pipeline.domain.window import Window
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.sandbox.company import Change
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.wiring import run
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import company, lesson, record_id, tone

STOPPED, INCOMPLETE = 5, 4


def statuses(office: Office) -> dict[str, tuple[RecordStatus, str | None]]:
    return {name: (row.status, row.skip_reason) for name, row in office.rows().items()}


DONE = (RecordStatus.DONE, None)


def test_row_01_a_wrong_key_stops_the_night_at_its_first_call(
    office: Office, sandbox: Sandbox
) -> None:
    wrong = replace(office, changes={**office.changes, "TQM_SECRET_ID": "AKIDwrong"})
    report = wrong.night()
    assert (report.exit_code, report.stopped_by) == (STOPPED, "wrong_credentials")
    assert sandbox.ledger.calls == {"corp_records": 1}
    assert wrong.watermark() is None
    assert office.night().exit_code == 0


def test_row_03_a_night_with_a_wrong_clock_ends_well(sounds: Path, tmp_path: Path) -> None:
    """The clock of the servers is right and ours is wrong, which is the same from both sides."""
    lessons = company(lesson(0, tone(sounds)))
    with Sandbox(lessons, limits=ROOMY, now=lambda: time.time() + 360) as sandbox:
        office = Office(sandbox, tmp_path, changes={"MIN_DURATION_S": "5"})
        assert office.night().exit_code == 0
        assert statuses(office) == {record_id(0): DONE}


def test_row_06_the_daily_limit_leaves_the_watermark_and_the_next_night_goes_on(
    office: Office, sandbox: Sandbox, sounds: Path
) -> None:
    assert office.night().exit_code == 0
    known_until = office.watermark()
    sandbox.company.add(lesson(1, tone(sounds, 1)))
    sandbox.faults.add(Fault(Kind.ERROR_CODE, "corp_records", amount=190311))
    report = office.night()
    assert (report.exit_code, report.stopped_by) == (STOPPED, "daily_limit")
    assert office.watermark() == known_until
    sandbox.faults.clear()
    assert office.night().exit_code == 0
    assert statuses(office) == {record_id(0): DONE, record_id(1): DONE}


@pytest.mark.parametrize(("code", "reason"), [(9003, "no_such_meeting"), (4051, "gone")])
def test_row_10_a_permanent_refusal_under_any_status_is_a_reason_to_skip(
    office: Office, sandbox: Sandbox, code: int, reason: str
) -> None:
    sandbox.faults.add(Fault(Kind.ERROR_CODE, "addresses", amount=code))
    assert office.night().exit_code == 0
    assert statuses(office) == {record_id(0): (RecordStatus.SKIPPED, reason)}
    assert sandbox.ledger.calls["addresses"] == 1


def test_row_12_a_page_that_is_no_list_is_no_complete_night(
    office: Office, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault(Kind.HTML_200, "corp_records"))
    report = office.night()
    assert (report.exit_code, report.stopped_by) == (INCOMPLETE, "bad_answer")
    assert sandbox.ledger.calls["corp_records"] == 2
    assert office.watermark() is None
    sandbox.faults.clear()
    assert office.night().exit_code == 0


def test_row_17_what_is_listed_again_has_one_row_that_says_the_latest(
    office: Office, sandbox: Sandbox, sounds: Path
) -> None:
    sandbox.faults.add(Fault(Kind.DUPLICATE_ROWS, "corp_records"))
    assert office.night().new == 1
    sandbox.company.add(replace(lesson(0, tone(sounds)), subject="改过的标题 🚀"))
    again = office.night()
    assert (again.new, again.known, again.due) == (0, 1, 0)
    assert office.only().subject == "改过的标题 🚀"


def test_row_19_what_is_being_transcoded_waits_holds_the_watermark_and_costs_no_attempt(
    office: Office, sandbox: Sandbox, sounds: Path
) -> None:
    unfinished = lesson(1, tone(sounds, 1))
    sandbox.company.add(replace(unfinished, ready_at=time.time() + 3_600))
    first = office.night()
    assert (first.exit_code, first.waiting) == (0, 1)
    assert office.watermark() == datetime.fromtimestamp(unfinished.started_at, UTC)
    sandbox.company.add(unfinished)
    second = office.night()
    assert (second.exit_code, second.waiting, second.due) == (0, 0, 1)
    stages = office.rows()[record_id(1)].stages.values()
    assert [entry.attempts for entry in stages] == [1] * 5
    assert second.window and office.watermark() == second.window.end


def test_row_20_what_appears_days_late_is_caught_by_the_look_back(
    office: Office, sandbox: Sandbox, sounds: Path
) -> None:
    assert office.night().exit_code == 0
    for days, number in ((2, 1), (6, 2)):
        sandbox.company.add(lesson(number - 24 * (days - 2), tone(sounds, number)))
        assert office.night().new == 1
    assert set(statuses(office).values()) == {DONE}


@pytest.fixture(params=["America/New_York", "Asia/Shanghai"])
def zone_of_the_host(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zone_of_the_host")
def test_row_22_no_time_zone_of_the_host_and_no_daylight_saving_loses_anything(
    office: Office, sandbox: Sandbox
) -> None:
    """Every half hour of the two days on which New York moves its clocks, in 2025."""
    switches = (datetime(2025, 3, 9, tzinfo=UTC), datetime(2025, 11, 2, tzinfo=UTC))
    starts = [day + timedelta(minutes=30) * half for day in switches for half in range(60)]
    for number, start in enumerate(starts, 100):
        one = lesson(number, b"-", started_at=start.timestamp(), ended_at=start.timestamp() + 60)
        sandbox.company.add(replace(one, started_at=start.timestamp()))
    span = Window(switches[0], switches[1] + timedelta(days=2))
    report = listed(office, span)
    assert (report.exit_code, report.listed) == (0, len(starts))
    assert sorted(row.start_ts for row in office.rows().values()) == starts
    assert sandbox.ledger.violations == []


def listed(office: Office, span: Window) -> RunReport:
    """List a window and process nothing."""
    with run.pipeline(office.settings, RunObserver(), jobs=1) as pipeline:
        return pipeline.run(RunRequest("fetch", span, work=False))


def test_row_24_what_is_deleted_before_its_download_keeps_its_row_and_says_gone(
    office: Office, sandbox: Sandbox, sounds: Path
) -> None:
    deleted = lesson(1, tone(sounds, 1))
    sandbox.company.add(deleted)
    asked_for_the_time = 1  # with a page of the list that is thrown away
    page = asked_for_the_time + 1
    sandbox.company.after(Change(page, delete=(deleted.meeting_record_id,)))
    assert office.night().exit_code == 0
    rows = statuses(office)
    assert rows == {record_id(0): DONE, record_id(1): (RecordStatus.SKIPPED, "gone")}
    assert office.rows()[record_id(1)].subject == deleted.subject


def test_row_25_what_is_deleted_after_it_was_done_stays_as_it_is(
    office: Office, sandbox: Sandbox, sounds: Path
) -> None:
    assert office.night().exit_code == 0
    before = office.detail(record_id(0))
    sandbox.company.delete(lesson(0, tone(sounds)).meeting_record_id)
    again = office.night()
    assert (again.exit_code, again.listed, again.due) == (0, 0, 0)
    assert office.detail(record_id(0)) == before
    assert before.transcript and before.summary
