"""What a RunStore promises, on every engine."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.model import Usage
from meeting_pipeline.domain.stages import Outcome, RecordOutcome, RunReport, UsageTotals
from meeting_pipeline.domain.watermark import PastListing
from meeting_pipeline.domain.window import Window
from meeting_pipeline.ports.rows import RunStore
from tests.support.rows import ALL_TIME, MONDAY, Clock, meta, set_watermark


def report(run_id: int, window: Window | None = None) -> RunReport:
    outcomes = (Outcome.DONE, Outcome.DONE, Outcome.FAILED, Outcome.SKIPPED, Outcome.DEFERRED)
    return RunReport(
        run_id=run_id,
        window=window,
        listed=9,
        new=4,
        known=5,
        due=5,
        records=tuple(
            RecordOutcome(n, "tencent", str(n), "题", one) for n, one in enumerate(outcomes)
        ),
        exit_code=4,
        seconds=12.5,
        waiting=2,
        stopped_by="disk_full",
        usage=UsageTotals(3600.5, 100, 20, 1.25),
    )


def test_it_is_what_the_port_asks_for(database: Database) -> None:
    store: RunStore = database.runs
    assert store.watermark("tencent") is None


def test_a_run_that_never_ended_says_so(database: Database, clock: Clock) -> None:
    number = database.runs.start("run-range", ALL_TIME)
    [run] = database.reading.runs(10)
    assert (run.id, run.command, run.window) == (number, "run-range", ALL_TIME)
    assert (run.started_at, run.finished_at, run.exit_code) == (clock.now, None, None)


def test_a_finished_run_says_what_it_did(database: Database, clock: Clock) -> None:
    database.runs.start("fetch", None)
    number = database.runs.start("cron", None)
    clock.go_on(hours=1)
    database.runs.finish(report(number, ALL_TIME))
    run, earlier = database.reading.runs(10)
    assert (run.id, run.window, run.finished_at) == (number, ALL_TIME, clock.now)
    assert (run.due, run.done, run.failed, run.skipped, run.deferred) == (5, 2, 1, 1, 1)
    assert (run.exit_code, run.stopped_by) == (4, "disk_full")
    assert earlier.finished_at is None


def test_a_runs_usage_is_the_sum_of_its_calls(database: Database) -> None:
    database.recordings.upsert([meta(1)])
    first, second = database.runs.start("run", None), database.runs.start("run", None)
    calls = [Usage("a", "asr", "m", 60.5, 0, 0, 0.5), Usage("b", "llm", "m", 0.0, 900, 80, 0.25)]
    for call in [*calls, calls[0]]:
        database.recordings.spent(1, first, call)
    assert database.runs.usage(first) == UsageTotals(60.5, 900, 80, 0.75)
    assert database.runs.usage(second) == UsageTotals()


def test_each_source_has_its_own_watermark(database: Database) -> None:
    beijing = MONDAY.astimezone(datetime.fromisoformat("2026-01-01T00:00:00+08:00").tzinfo)
    set_watermark(database.runs, "tencent", beijing)
    set_watermark(database.runs, "folder", MONDAY + timedelta(microseconds=1))
    set_watermark(database.runs, "folder", MONDAY + timedelta(microseconds=2))
    assert database.runs.watermark("tencent") == MONDAY
    assert database.runs.watermark("folder") == MONDAY + timedelta(microseconds=2)
    watermark = database.runs.watermark("tencent")
    assert watermark is not None
    assert watermark.tzinfo is UTC


def test_a_watermark_moves_only_from_where_it_was(database: Database) -> None:
    runs, later = database.runs, MONDAY + timedelta(days=1, microseconds=1)
    assert runs.move_watermark("tencent", MONDAY, was=None)
    assert not runs.move_watermark("tencent", later, was=None)
    assert runs.move_watermark("tencent", later, was=MONDAY)
    assert not runs.move_watermark("tencent", MONDAY, was=MONDAY)
    assert runs.watermark("tencent") == later
    assert not runs.move_watermark("folder", later, was=MONDAY)
    assert runs.watermark("folder") is None


def test_a_move_of_the_watermark_that_is_made_again_has_happened(database: Database) -> None:
    """As after a connection that broke while the commit was answered."""
    for _ in range(2):
        assert database.runs.move_watermark("tencent", MONDAY, was=None)
    for _ in range(2):
        assert database.runs.move_watermark("tencent", MONDAY + timedelta(days=1), was=MONDAY)


def test_the_listings_of_a_command_are_those_of_its_runs_in_their_order(
    database: Database,
) -> None:
    runs = database.runs
    day = Window(MONDAY, MONDAY + timedelta(days=1))
    runs.finish(replace(report(runs.start("cron", ALL_TIME), ALL_TIME), stopped_by=None))
    runs.start("run", day)
    runs.finish(report(runs.start("cron", day), day))
    runs.start("cron", day)
    runs.start("cron", None)
    assert runs.listings("cron") == [
        PastListing(ALL_TIME, is_complete=True),
        PastListing(day, is_complete=False),
        PastListing(day, is_complete=False),
    ]
