"""Rows 75, 80 and 81: a run may have its time, its number of records, its turn; then the next."""

import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meeting_pipeline import exit_codes
from meeting_pipeline.domain.durations import parse_duration
from meeting_pipeline.domain.stages import Outcome
from meeting_pipeline.runtime.interrupts import Interrupts
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.blocking_services import Hold
from tests.support.processes import Starter
from tests.support.rows import set_watermark
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import BURSTS, lesson, record_id, tone

NOT_NOW = 75
LISTINGS = 3  # of a window, until it is the same twice
EACH_ONCE = {(0, place): 1 for place in BURSTS}


@pytest.mark.parametrize("how", ["option", "setting"])
def test_row_75_a_run_whose_time_is_up_keeps_what_it_paid_for_and_leaves_the_rest(
    office: Office, sandbox: Sandbox, starter: Starter, how: str
) -> None:
    sandbox.faults.add(Fault(Kind.STALL, "transcriptions", amount=3))
    words = ["run", "--since", "7d", "--json"]
    option = ["--max-runtime", "2s"] if how == "option" else []
    setting = {"MAX_RUNTIME": "2"} if how == "setting" else {}

    run = starter.start([*words, *option], {**office.environment, **setting})

    assert run.wait() == NOT_NOW
    assert (run.report["deferred"], run.report["failed"]) == (1, 0)
    assert "the run time is over" in run.err.read_text("utf-8")
    sandbox.faults.clear()
    assert office.night().exit_code == 0
    assert sandbox.ledger.bursts == EACH_ONCE, "what was under way was kept"


def test_row_75_cron_has_the_option_too(office: Office, starter: Starter) -> None:
    ended = starter.start(["cron", "--max-runtime", "soon"], office.environment)
    assert ended.wait() == exit_codes.USAGE
    assert "soon" in ended.err.read_text("utf-8")


def test_row_75_what_runs_has_some_time_before_it_is_broken_off() -> None:
    closed, broken = threading.Event(), threading.Event()
    patient = Interrupts(closed.set, broken.set, max_runtime_s=0.01, drain_s=3600)
    with patient.handled():
        assert closed.wait(30)
        assert not broken.is_set()
    assert (patient.exit_code(), patient.reason()) == (NOT_NOW, "max_runtime")

    hasty = Interrupts(closed.set, broken.set, max_runtime_s=0.01, drain_s=0.01)
    with hasty.handled():
        assert broken.wait(30)


def test_row_75_a_signal_does_not_wait_for_what_has_time() -> None:
    closed, broken = threading.Event(), threading.Event()
    interrupts = Interrupts(closed.set, broken.set, max_runtime_s=0.01, drain_s=3600)
    with interrupts.handled():
        assert closed.wait(30)
        signal.raise_signal(signal.SIGTERM)
        assert broken.wait(30)
    assert (interrupts.exit_code(), interrupts.reason()) == (143, "terminated")


def test_row_80_of_many_records_the_oldest_come_first(
    office: Office, sandbox: Sandbox, starter: Starter, sounds: Path
) -> None:
    sandbox.company.add(*(lesson(number, tone(sounds)) for number in (2, 1)))
    taken = []
    for _ in range(3):
        words = ["run", "--since", "7d", "--limit", "1", "--json"]
        run = starter.start(words, office.environment)
        assert run.wait() == 0
        taken += [record["record_id"] for record in run.report["records"]]
    assert taken == [record_id(number) for number in (0, 1, 2)]


def test_row_80_after_forty_days_off_one_night_lists_all_of_them_once_and_catches_up(
    office: Office, sandbox: Sandbox, sounds: Path
) -> None:
    ages_h = [-38 * 24, -20 * 24, -24]
    sandbox.company.add(*(lesson(hours, tone(sounds)) for hours in ages_h))
    with office.database() as rows:
        set_watermark(rows.runs, "tencent", datetime.now(UTC) - timedelta(days=40))

    report = office.night()

    assert (report.exit_code, report.count(Outcome.DONE)) == (0, 4)
    assert sandbox.ledger.calls["corp_records"] <= 2 * LISTINGS
    window = report.window
    assert window is not None
    assert timedelta(days=46) < window.end - window.start < timedelta(days=48)
    watermark = office.watermark()
    assert watermark is not None
    assert datetime.now(UTC) - watermark < timedelta(hours=1)


def test_row_81_a_back_fill_takes_its_turn_and_leaves_the_watermark_where_it_was(
    office: Office, sandbox: Sandbox, starter: Starter, sounds: Path
) -> None:
    sandbox.company.add(lesson(-60 * 24, tone(sounds, 1)))
    hold = Hold()
    sandbox.faults.add(Fault(Kind.STALL, "transcriptions", calls=hold))
    now = datetime.now(UTC)
    start, end = ((now - timedelta(days=days)).date().isoformat() for days in (70, 50))
    back_fill = ["run-range", start, end, "--json"]

    nightly = starter.start(["run", "--since", "7d", "--json"], office.environment)
    hold.wait()
    assert starter.start(back_fill, office.environment).wait() == NOT_NOW
    hold.go()
    assert nightly.wait() == 0
    with office.database() as rows:
        set_watermark(rows.runs, "tencent", now)

    filled = starter.start(back_fill, office.environment)
    assert filled.wait() == 0
    assert (filled.report["new"], filled.report["done"]) == (1, 1)
    assert starter.start(back_fill, office.environment).wait() == 0
    assert office.watermark() == now
    assert sandbox.ledger.bursts == {(0, 0): 1, (0, 1): 1, (1, 0): 1, (1, 1): 1}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6h", 21_600), ("90m", 5_400), ("45", 45), ("1.5 H", 5_400), ("2d", 172_800)],
)
def test_a_time_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "soon", "1h30", "nan", "٣h", "1e3"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="6h"):
        parse_duration(text)
