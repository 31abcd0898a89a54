"""Which files are due for deletion, on every engine."""

from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, event, select, text

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.db.schema import (
    recordings,
    summaries,
    transcript_segments,
    transcripts,
)
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.retention import (
    SWEPT,
    Cutoffs,
    ExpiredFile,
    RetainedKind,
    RetentionRules,
)
from meeting_pipeline.domain.stages import (
    Artifact,
    RecordStatus,
    StageName,
    StageStatus,
)
from meeting_pipeline.domain.views import RecordingFilter
from meeting_pipeline.ports.rows import StageFailure
from tests.support.rows import ALL_TIME, SETTINGS, Clock, meta, minutes

FILES = {
    StageName.DOWNLOAD: Artifact("recording.m4a", 1000, "d" * 64),
    StageName.EXTRACT: Artifact("audio.flac", 500, "e" * 64, 3600.0),
    StageName.TRANSCRIBE: Artifact("transcript.json", 50, "f" * 64),
    StageName.SUMMARIZE: Artifact("summary.json", 20, "a" * 64),
    StageName.STORE: Artifact("summary.md", 10, "b" * 64),
}
ORDER = list(StageName)
HOUR = timedelta(hours=1)


class Night:
    """Takes recordings through their stages as far as it is told."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._store = database.recordings
        self._database = database
        self._clock = clock

    def known(self, number: int, **changes: Any) -> int:
        listed = meta(number, **changes)
        self._store.upsert([listed])
        return self._store.due_among([listed])[0].id

    def until(self, stage: StageName, number: int = 1, **changes: Any) -> int:
        """Everything up to this stage is done; with the last one the recording is."""
        recording_id = self.known(number, **changes)
        for one in ORDER[: ORDER.index(stage) + 1]:
            self.do(recording_id, one)
        if stage is StageName.STORE:
            self._store.save(recording_id, minutes())
            self._store.finish(recording_id, SETTINGS)
        return recording_id

    def do(self, recording_id: int, stage: StageName) -> None:
        self._store.begin_stage(recording_id, stage, SETTINGS)
        self._store.end_stage(recording_id, stage, FILES[stage])

    def ends(self, recording_id: int, stage: StageName, status: RecordStatus) -> None:
        self._store.begin_stage(recording_id, stage, SETTINGS)
        failure = StageFailure(
            stage, StageStatus(status.value), "too_short", "…", made_with=SETTINGS
        )
        self._store.set_back(recording_id, failure, status)

    def due(self, rules: RetentionRules | None = None) -> dict[RetainedKind, list[int]]:
        """The recordings of which each kind is due by the rules."""
        found = self._database.retention.due(self.cutoffs(rules), SWEPT)
        return {kind: [one.recording_id for one in found if one.kind is kind] for kind in SWEPT}

    def transcripts(self, ended_by: datetime | None = None) -> list[ExpiredFile]:
        """The transcripts that are due of recordings that ended by then, or until now."""
        moment = ended_by or self._clock()
        cutoffs = Cutoffs(moment, moment, texts=moment)
        return self._database.retention.due(cutoffs, [RetainedKind.TEXTS])

    def cutoffs(self, rules: RetentionRules | None = None) -> Cutoffs:
        return (rules or RetentionRules(0, 7)).cutoffs(self._clock())


@pytest.fixture
def night(database: Database, clock: Clock) -> Night:
    return Night(database, clock)


def test_media_is_due_once_its_audio_passed_the_gate_and_not_before(night: Night) -> None:
    recording_id = night.until(StageName.DOWNLOAD)
    assert night.due() == {RetainedKind.MEDIA: [], RetainedKind.AUDIO: []}

    night.do(recording_id, StageName.EXTRACT)

    assert night.due() == {RetainedKind.MEDIA: [recording_id], RetainedKind.AUDIO: []}


def test_audio_is_due_seven_days_after_its_rows_were_stored(night: Night, clock: Clock) -> None:
    recording_id = night.until(StageName.STORE)
    clock.go_on(days=6.9)
    assert night.due()[RetainedKind.AUDIO] == []

    clock.go_on(days=0.2)

    assert night.due()[RetainedKind.AUDIO] == [recording_id]


def test_audio_is_never_due_before_all_that_is_made_of_it_is_stored(
    night: Night, clock: Clock
) -> None:
    night.until(StageName.SUMMARIZE)
    clock.go_on(days=365)

    assert night.due(RetentionRules(0, 0))[RetainedKind.AUDIO] == []


def test_audio_waits_while_something_is_made_anew(
    night: Night, clock: Clock, database: Database
) -> None:
    recording_id = night.until(StageName.STORE)
    clock.go_on(days=30)
    database.recordings.begin_stage(recording_id, StageName.TRANSCRIBE, "other settings")
    again = StageFailure(StageName.TRANSCRIBE, StageStatus.FAILED, "network", "…", clock())
    database.recordings.set_back(recording_id, again, RecordStatus.FAILED)

    assert night.due()[RetainedKind.AUDIO] == []


def test_media_that_was_fetched_again_waits_for_its_own_audio(night: Night, clock: Clock) -> None:
    recording_id = night.until(StageName.STORE)
    clock.go_on(hours=1)
    night.do(recording_id, StageName.DOWNLOAD)
    assert night.due()[RetainedKind.MEDIA] == []

    clock.go_on(hours=1)
    night.do(recording_id, StageName.EXTRACT)

    assert night.due()[RetainedKind.MEDIA] == [recording_id]


def test_what_a_skipped_recording_left_goes_by_the_same_days(night: Night, clock: Clock) -> None:
    recording_id = night.until(StageName.EXTRACT)
    night.ends(recording_id, StageName.TRANSCRIBE, RecordStatus.SKIPPED)
    assert night.due() == {RetainedKind.MEDIA: [recording_id], RetainedKind.AUDIO: []}

    clock.go_on(days=7)

    assert night.due()[RetainedKind.AUDIO] == [recording_id]


def test_a_skipped_download_may_have_left_a_part(night: Night, database: Database) -> None:
    recording_id = night.known(1)
    night.ends(recording_id, StageName.DOWNLOAD, RecordStatus.SKIPPED)

    [due] = database.retention.due(night.cutoffs(), SWEPT)

    assert (due.recording_id, due.kind, due.name) == (recording_id, RetainedKind.MEDIA, None)


def test_a_dead_recording_keeps_all_it_has_for_the_longer_time(night: Night, clock: Clock) -> None:
    recording_id = night.until(StageName.DOWNLOAD)
    night.ends(recording_id, StageName.EXTRACT, RecordStatus.DEAD)
    clock.go_on(days=6)
    assert night.due() == {RetainedKind.MEDIA: [], RetainedKind.AUDIO: []}

    clock.go_on(days=1)

    assert night.due()[RetainedKind.MEDIA] == [recording_id]


def test_a_recording_that_is_reopened_keeps_its_files(
    night: Night, clock: Clock, database: Database
) -> None:
    recording_id = night.until(StageName.DOWNLOAD)
    night.ends(recording_id, StageName.EXTRACT, RecordStatus.DEAD)
    clock.go_on(days=30)
    assert database.recordings.retry(recording_id)

    assert night.due() == {RetainedKind.MEDIA: [], RetainedKind.AUDIO: []}


def test_what_was_removed_is_remembered_and_not_due_again(
    night: Night, clock: Clock, database: Database
) -> None:
    recording_id = night.until(StageName.STORE)
    clock.go_on(days=8)
    database.retention.settle()
    database.retention.removed(database.retention.due(night.cutoffs(), SWEPT))

    assert night.due() == {RetainedKind.MEDIA: [], RetainedKind.AUDIO: []}
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
    database.retention.removed(database.retention.due(night.cutoffs(), SWEPT))

    night.do(recording_id, StageName.DOWNLOAD)

    entry = database.recordings.ledger(recording_id)[StageName.DOWNLOAD]
    assert entry.file_removed_at is None


def test_one_kind_or_one_recording_alone_can_be_asked_for(
    night: Night, clock: Clock, database: Database
) -> None:
    first, second = (night.until(StageName.STORE, number) for number in (1, 2))
    clock.go_on(days=8)
    due = database.retention.due

    assert {one.kind for one in due(night.cutoffs(), [RetainedKind.AUDIO])} == {RetainedKind.AUDIO}
    assert [one.recording_id for one in due(night.cutoffs(), [RetainedKind.MEDIA], second)] == [
        second
    ]
    assert first != second


def test_what_is_due_is_found_by_index(night: Night, database: Database) -> None:
    night.until(StageName.STORE)
    sent: list[tuple[str, Any]] = []

    def note(connection: object, cursor: object, statement: str, values: Any, *_: object) -> None:
        if statement != "BEGIN":
            sent.append((statement, values))

    event.listen(database.engine, "before_cursor_execute", note)
    database.retention.due(night.cutoffs(), SWEPT)
    event.remove(database.engine, "before_cursor_execute", note)

    assert len(sent) == len(SWEPT), "one statement for each kind, none that writes"
    how = "EXPLAIN QUERY PLAN" if database.engine.dialect.name == "sqlite" else "EXPLAIN"
    with closing(database.engine.raw_connection()) as connection:
        for statement, values in sent:
            cursor = connection.cursor()
            cursor.execute(f"{how} {statement}", values)
            assert "stage_ledger_by_file" in str(cursor.fetchall())


# ── transcripts ──────────────────────────────────────────────────────────────────────────────────


def test_no_rule_makes_a_transcript_due(night: Night, database: Database, clock: Clock) -> None:
    night.until(StageName.STORE)
    clock.go_on(days=36500)
    cutoffs = night.cutoffs(RetentionRules(0, 0))

    assert database.retention.due(cutoffs, [RetainedKind.TEXTS]) == []


def test_it_is_the_end_of_the_recording_that_counts(night: Night, database: Database) -> None:
    start = meta(1).start_ts
    by_duration = night.until(StageName.STORE)
    by_its_end = night.until(StageName.STORE, 2, start_ts=start, end_ts=start + 2 * HOUR)
    by_its_start = night.until(StageName.STORE, 3, start_ts=start, duration_s=None)
    with database.engine.begin() as connection:  # as before lengths were measured
        lacks = text("UPDATE recordings SET duration_s = NULL, end_ts = NULL WHERE id = :id")
        connection.execute(lacks, {"id": by_its_start})

    def due(ended_by: datetime) -> list[int]:
        return [one.recording_id for one in night.transcripts(ended_by)]

    assert due(start - timedelta(seconds=1)) == []
    assert due(start) == [by_its_start]
    assert due(start + HOUR) == [by_duration, by_its_start]
    assert due(start + 2 * HOUR) == [by_duration, by_its_end, by_its_start]
    [first, *_] = night.transcripts(start + 2 * HOUR)
    file = FILES[StageName.TRANSCRIBE]
    key, kind = meta(1).key, RetainedKind.TEXTS
    assert first == ExpiredFile(by_duration, key, kind, file.name, file.size_bytes)


def test_only_the_transcript_of_what_is_finished_and_whole_is_due(
    night: Night, database: Database, clock: Clock
) -> None:
    night.known(0)
    failed, running, without_summary, without_transcript, whole = (
        night.until(StageName.STORE, number) for number in range(1, 6)
    )
    failure = StageFailure(StageName.SUMMARIZE, StageStatus.FAILED, "x", "y", clock.now)
    database.recordings.set_back(failed, failure, RecordStatus.FAILED)
    database.recordings.begin_stage(running, StageName.TRANSCRIBE, "other settings")
    with database.engine.begin() as connection:
        for table, number in ((summaries, without_summary), (transcripts, without_transcript)):
            connection.execute(delete(table).where(table.c.recording_id == number))

    assert [one.recording_id for one in night.transcripts()] == [whole]


def test_of_a_forgotten_transcript_only_what_was_said_goes(
    night: Night, database: Database
) -> None:
    number, other = night.until(StageName.STORE), night.until(StageName.STORE, 2)
    database.stats.refresh()
    before, kept = database.reading.show(number), database.reading.show(other)
    assert before is not None
    assert before.transcript is not None

    database.retention.forget([number])

    after = database.reading.show(number)
    assert after is not None
    assert after.transcript == replace(before.transcript, segments=())
    assert after.summary == before.summary
    assert after.attendance == before.attendance
    assert after.recording == replace(before.recording, skip_reason="texts_removed")
    assert database.reading.show(other) == kept
    assert database.stats.differences() == []
    with database.engine.connect() as connection:
        text = select(recordings.c.transcript).where(recordings.c.id == number)
        assert connection.execute(text).scalar() is None
        spoken = select(transcript_segments.c.recording_id).distinct()
        assert connection.execute(spoken).scalars().all() == [other]


def test_a_forgotten_transcript_is_due_until_its_file_is_gone_and_never_made_again(
    night: Night, database: Database, clock: Clock
) -> None:
    number = night.until(StageName.STORE)
    [file] = night.transcripts()
    for _ in range(2):
        database.retention.forget([number])
        assert night.transcripts() == [file]
        assert database.recordings.due(ALL_TIME, "other settings", None) == []

    database.retention.removed([file])

    assert night.transcripts() == []
    entries = database.recordings.ledger(number)
    assert entries[StageName.TRANSCRIBE].file_removed_at == clock.now
    assert {entry.status for entry in entries.values()} == {StageStatus.DONE}


def test_only_the_file_of_a_stage_is_replaced(
    night: Night, database: Database, clock: Clock
) -> None:
    number, page = night.until(StageName.STORE), Artifact("summary.md", 5, "c" * 64)
    before = database.recordings.ledger(number)[StageName.STORE]
    clock.go_on(days=1)

    database.retention.replace_artifact(number, StageName.STORE, page)

    assert database.recordings.ledger(number)[StageName.STORE] == replace(before, artifact=page)


@pytest.mark.parametrize("again", [meta(1), meta(1, subject="改了的标题", skip_reason="text_only")])
def test_no_listing_and_no_change_of_settings_brings_a_transcript_back(
    night: Night, database: Database, again: RecordMeta
) -> None:
    number = night.until(StageName.STORE)
    database.retention.forget([number])

    database.recordings.upsert([again])

    assert database.recordings.due(ALL_TIME, "other settings", None) == []
    assert database.recordings.due_among([again]) == []
    assert not database.recordings.retry(number)
    [view] = database.reading.recordings(RecordingFilter())
    assert (view.status, view.skip_reason) == (RecordStatus.DONE, "texts_removed")
