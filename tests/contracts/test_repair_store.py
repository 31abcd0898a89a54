"""What a RepairStore promises, on every engine."""

import pytest

from meeting_pipeline.adapters.db import repair
from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.stages import (
    Artifact,
    RecordStatus,
    StageName,
    StageStatus,
)
from meeting_pipeline.ports.upkeep import RepairStore
from tests.support.rows import SETTINGS, Clock, meta, minutes

FIRST = Artifact("transcript.json", 10, "a" * 64)


@pytest.fixture
def done(database: Database) -> Database:
    """One recording, done."""
    database.recordings.upsert([meta(1)])
    [number] = [record.id for record in database.recordings.due_among([meta(1)])]
    for stage in StageName:
        database.recordings.begin_stage(number, stage, SETTINGS)
        database.recordings.end_stage(number, stage, FIRST)
    database.recordings.save(number, minutes())
    database.recordings.finish(number, SETTINGS)
    return database


def number_of(database: Database) -> int:
    [view] = database.repair.recordings()
    return view.id


def test_every_recording_comes_once_however_many_pages(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "_PAGE", 2)
    database.recordings.upsert([meta(number) for number in range(5)])
    store: RepairStore = database.repair

    starts = [view.start_ts for view in store.recordings()]

    assert len(starts) == 5
    assert starts == sorted(starts, reverse=True)


def test_what_is_done_with_its_texts_lacks_none(done: Database) -> None:
    number = number_of(done)
    assert done.repair.lacking_texts() == frozenset()
    assert done.repair.minutes(number) == (meta(1), minutes())


@pytest.mark.parametrize("table", ["transcripts", "summaries"])
def test_what_is_done_without_a_text_lacks_it(done: Database, table: str) -> None:
    number = number_of(done)
    with done.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM {table}")

    assert done.repair.lacking_texts() == {number}
    assert done.repair.minutes(number) is None


def test_a_reopened_stage_is_begun_anew_and_the_others_stay(done: Database) -> None:
    number = number_of(done)
    done.repair.reopen(number, StageName.TRANSCRIBE)
    done.repair.reopen(number, StageName.TRANSCRIBE)

    [view] = done.repair.recordings()
    assert view.status is RecordStatus.PENDING
    reopened = view.stages[StageName.TRANSCRIBE]
    assert (reopened.status, reopened.attempts) == (StageStatus.WAITING, 0)
    assert reopened.artifact is None
    assert view.stages[StageName.STORE].status is StageStatus.DONE


def test_open_runs_are_closed_once(database: Database, clock: Clock) -> None:
    first, second = database.runs.start("cron", None), database.runs.start("run", None)
    assert [run.id for run in database.repair.open_runs()] == [first, second]
    ended = clock.now

    database.repair.close_run(first, "killed")
    clock.go_on(days=1)
    database.repair.close_run(first, "again")

    assert [run.id for run in database.repair.open_runs()] == [second]
    [_, run] = database.reading.runs(10)
    assert (run.finished_at, run.stopped_by, run.exit_code) == (ended, "killed", None)
