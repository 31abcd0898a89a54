"""Which files are due for deletion, on every engine."""

from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import event

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.retention import Cutoffs, Kept, RetentionRules
from meeting_pipeline.domain.stages import (
    Artifact,
    EndedStage,
    RecordStatus,
    StageName,
    StageStatus,
)
from meeting_pipeline.ports.rows import Setback
from tests.support.rows import SETTINGS, Clock, meta, minutes

FILES = {
    StageName.DOWNLOAD: Artifact("recording.m4a", 1000, "d" * 64),
    StageName.EXTRACT: Artifact("audio.flac", 500, "e" * 64, 3600.0),
    StageName.TRANSCRIBE: Artifact("transcript.json", 50, "f" * 64),
    StageName.SUMMARIZE: Artifact("summary.json", 20, "a" * 64),
    StageName.STORE: Artifact("summary.md", 10, "b" * 64),
}
ORDER = list(StageName)


class Night:
    """Takes recordings through their stages as far as it is told."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._store = database.recordings
        self._database = database
        self._clock = clock

    def known(self, number: int) -> int:
        self._store.upsert([meta(number)])
        return self._store.numbers([meta(number)])[0]

    def until(self, stage: StageName, number: int = 1) -> int:
        """Everything up to this stage is done; with the last one the recording is."""
        recording_id = self.known(number)
        for one in ORDER[: ORDER.index(stage) + 1]:
            self.do(recording_id, one)
        if stage is StageName.STORE:
            self._store.save(recording_id, minutes())
            self._store.finish(recording_id, SETTINGS)
        return recording_id

    def do(self, recording_id: int, stage: StageName) -> None:
        self._store.begin_stage(recording_id, stage, SETTINGS)
        self._store.end_stage(recording_id, EndedStage(stage, FILES[stage]))

    def ends(self, recording_id: int, stage: StageName, status: RecordStatus) -> None:
        self._store.begin_stage(recording_id, stage, SETTINGS)
        setback = Setback(stage, StageStatus(status.value), "too_short", "…", made_with=SETTINGS)
        self._store.set_back(recording_id, setback, status)

    def due(self, rules: RetentionRules | None = None) -> dict[Kept, list[int]]:
        """The recordings of which each kind is due by the rules."""
        found = self._database.retention.due(self.cutoffs(rules), tuple(Kept))
        return {kept: [one.recording_id for one in found if one.kept is kept] for kept in Kept}

    def cutoffs(self, rules: RetentionRules | None = None) -> Cutoffs:
        return (rules or RetentionRules(0, 7)).cutoffs(self._clock())


@pytest.fixture
def night(database: Database, clock: Clock) -> Night:
    return Night(database, clock)


def test_media_is_due_once_its_audio_passed_the_gate_and_not_before(night: Night) -> None:
    recording_id = night.until(StageName.DOWNLOAD)
    assert night.due() == {Kept.MEDIA: [], Kept.AUDIO: []}

    night.do(recording_id, StageName.EXTRACT)

    assert night.due() == {Kept.MEDIA: [recording_id], Kept.AUDIO: []}


def test_audio_is_due_seven_days_after_its_rows_were_stored(night: Night, clock: Clock) -> None:
    recording_id = night.until(StageName.STORE)
    clock.go_on(days=6.9)
    assert night.due()[Kept.AUDIO] == []

    clock.go_on(days=0.2)

    assert night.due()[Kept.AUDIO] == [recording_id]


def test_audio_is_never_due_before_all_that_is_made_of_it_is_stored(
    night: Night, clock: Clock
) -> None:
    night.until(StageName.SUMMARIZE)
    clock.go_on(days=365)

    assert night.due(RetentionRules(0, 0))[Kept.AUDIO] == []


def test_audio_waits_while_something_is_made_anew(
    night: Night, clock: Clock, database: Database
) -> None:
    recording_id = night.until(StageName.STORE)
    clock.go_on(days=30)
    database.recordings.begin_stage(recording_id, StageName.TRANSCRIBE, "other settings")
    again = Setback(StageName.TRANSCRIBE, StageStatus.FAILED, "network", "…", clock())
    database.recordings.set_back(recording_id, again, RecordStatus.FAILED)

    assert night.due()[Kept.AUDIO] == []


def test_media_that_was_fetched_again_waits_for_its_own_audio(night: Night, clock: Clock) -> None:
    recording_id = night.until(StageName.STORE)
    clock.go_on(hours=1)
    night.do(recording_id, StageName.DOWNLOAD)
    assert night.due()[Kept.MEDIA] == []

    clock.go_on(hours=1)
    night.do(recording_id, StageName.EXTRACT)

    assert night.due()[Kept.MEDIA] == [recording_id]


def test_what_a_skipped_recording_left_goes_by_the_same_days(night: Night, clock: Clock) -> None:
    recording_id = night.until(StageName.EXTRACT)
    night.ends(recording_id, StageName.TRANSCRIBE, RecordStatus.SKIPPED)
    assert night.due() == {Kept.MEDIA: [recording_id], Kept.AUDIO: []}

    clock.go_on(days=7)

    assert night.due()[Kept.AUDIO] == [recording_id]


def test_a_skipped_download_may_have_left_a_part(night: Night, database: Database) -> None:
    recording_id = night.known(1)
    night.ends(recording_id, StageName.DOWNLOAD, RecordStatus.SKIPPED)

    [due] = database.retention.due(night.cutoffs(), tuple(Kept))

    assert (due.recording_id, due.kept, due.name) == (recording_id, Kept.MEDIA, None)


def test_a_dead_recording_keeps_all_it_has_for_the_longer_time(night: Night, clock: Clock) -> None:
    recording_id = night.until(StageName.DOWNLOAD)
    night.ends(recording_id, StageName.EXTRACT, RecordStatus.DEAD)
    clock.go_on(days=6)
    assert night.due() == {Kept.MEDIA: [], Kept.AUDIO: []}

    clock.go_on(days=1)

    assert night.due()[Kept.MEDIA] == [recording_id]


def test_a_recording_that_is_reopened_keeps_its_files(
    night: Night, clock: Clock, database: Database
) -> None:
    recording_id = night.until(StageName.DOWNLOAD)
    night.ends(recording_id, StageName.EXTRACT, RecordStatus.DEAD)
    clock.go_on(days=30)
    assert database.recordings.retry(recording_id)

    assert night.due() == {Kept.MEDIA: [], Kept.AUDIO: []}


def test_what_was_removed_is_remembered_and_not_due_again(
    night: Night, clock: Clock, database: Database
) -> None:
    recording_id = night.until(StageName.STORE)
    clock.go_on(days=8)
    database.retention.settle()
    database.retention.removed(database.retention.due(night.cutoffs(), tuple(Kept)))

    assert night.due() == {Kept.MEDIA: [], Kept.AUDIO: []}
    ledger = database.recordings.ledger(recording_id)
    removed = {stage for stage, entry in ledger.items() if entry.file_removed_at}
    assert removed == {StageName.DOWNLOAD, StageName.EXTRACT}
    assert ledger[StageName.EXTRACT].file_removed_at == clock()
    assert ledger[StageName.EXTRACT].artifact == FILES[StageName.EXTRACT]
    assert ledger[StageName.EXTRACT].is_done(SETTINGS)


def test_a_file_that_is_made_again_is_there_again(
    night: Night, clock: Clock, database: Database
) -> None:
    recording_id = night.until(StageName.STORE)
    clock.go_on(days=8)
    database.retention.removed(database.retention.due(night.cutoffs(), tuple(Kept)))

    night.do(recording_id, StageName.DOWNLOAD)

    entry = database.recordings.ledger(recording_id)[StageName.DOWNLOAD]
    assert entry.file_removed_at is None


def test_one_kind_or_one_recording_alone_can_be_asked_for(
    night: Night, clock: Clock, database: Database
) -> None:
    first, second = (night.until(StageName.STORE, number) for number in (1, 2))
    clock.go_on(days=8)
    due = database.retention.due

    assert {one.kept for one in due(night.cutoffs(), [Kept.AUDIO])} == {Kept.AUDIO}
    assert [one.recording_id for one in due(night.cutoffs(), [Kept.MEDIA], second)] == [second]
    assert first != second


def test_what_is_due_is_found_by_index(night: Night, database: Database) -> None:
    night.until(StageName.STORE)
    sent: list[tuple[str, Any]] = []

    def note(connection: object, cursor: object, statement: str, values: Any, *_: object) -> None:
        if statement != "BEGIN":
            sent.append((statement, values))

    event.listen(database.engine, "before_cursor_execute", note)
    database.retention.due(night.cutoffs(), tuple(Kept))
    event.remove(database.engine, "before_cursor_execute", note)

    assert len(sent) == len(Kept), "one statement for each kind, none that writes"
    how = "EXPLAIN QUERY PLAN" if database.engine.dialect.name == "sqlite" else "EXPLAIN"
    with closing(database.engine.raw_connection()) as connection:
        for statement, values in sent:
            cursor = connection.cursor()
            cursor.execute(f"{how} {statement}", values)
            assert "stage_ledger_by_file" in str(cursor.fetchall())
