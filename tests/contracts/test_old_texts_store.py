"""Which transcripts are old enough, and what goes of them, on every engine."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, select

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.db.schema import (
    recordings,
    summaries,
    transcript_segments,
    transcripts,
)
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.retention import OldText
from meeting_pipeline.domain.stages import (
    Artifact,
    EndedStage,
    RecordStatus,
    StageName,
    StageStatus,
)
from meeting_pipeline.domain.views import RecordingFilter
from meeting_pipeline.ports.rows import Setback
from tests.support.rows import ALL_TIME, SETTINGS, Clock, meta, minutes

HOUR = timedelta(hours=1)


def done(database: Database, listed: RecordMeta) -> int:
    """This recording, finished."""
    store = database.recordings
    store.upsert([listed])
    [number] = store.numbers([listed])
    for stage in StageName:
        store.begin_stage(number, stage, SETTINGS)
        store.end_stage(number, EndedStage(stage, Artifact(f"{stage}.x", 7, "a" * 64)))
    store.save(number, minutes())
    store.finish(number, SETTINGS)
    return number


def due(database: Database, ended_by: datetime) -> list[int]:
    return [one.recording_id for one in database.old_texts.due(ended_by)]


def test_it_is_the_end_of_the_recording_that_counts(database: Database) -> None:
    start = meta(1).start_ts
    by_duration = done(database, meta(1))
    by_its_end = done(database, meta(2, start_ts=start, end_ts=start + 2 * HOUR))
    by_its_start = done(database, meta(3, start_ts=start, duration_s=None))
    assert due(database, start - timedelta(seconds=1)) == []
    assert due(database, start) == [by_its_start]
    assert due(database, start + HOUR) == [by_duration, by_its_start]
    assert due(database, start + 2 * HOUR) == [by_duration, by_its_end, by_its_start]
    [first, *_] = database.old_texts.due(start + 2 * HOUR)
    assert first == OldText(by_duration, meta(1).key, "transcribe.x", 7)


def test_only_what_is_finished_and_whole_is_due(database: Database, clock: Clock) -> None:
    database.recordings.upsert([meta(0)])
    failed, running, without_summary, without_transcript, whole = (
        done(database, meta(number)) for number in range(1, 6)
    )
    setback = Setback(StageName.SUMMARIZE, StageStatus.FAILED, "x", "y", clock.now)
    database.recordings.set_back(failed, setback, RecordStatus.FAILED)
    database.recordings.begin_stage(running, StageName.TRANSCRIBE, "other settings")
    with database.engine.begin() as connection:
        for table, number in ((summaries, without_summary), (transcripts, without_transcript)):
            connection.execute(delete(table).where(table.c.recording_id == number))
    assert due(database, clock.now) == [whole]


def test_what_was_said_goes_and_all_else_stays(database: Database, clock: Clock) -> None:
    number, other = done(database, meta(1)), done(database, meta(2))
    database.stats.refresh()
    before, kept = database.reading.show(number), database.reading.show(other)
    assert before is not None
    assert before.transcript is not None

    database.old_texts.forget(database.old_texts.due(meta(1).start_ts + HOUR))

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


def test_it_is_due_until_its_files_are_gone_and_never_to_be_worked_on(
    database: Database, clock: Clock
) -> None:
    number = done(database, meta(1))
    [text] = database.old_texts.due(clock.now)
    for _ in range(2):
        database.old_texts.forget([text])
        assert database.old_texts.due(clock.now) == [text]
        assert database.recordings.due(ALL_TIME, "other settings", None) == []

    page = Artifact("summary.md", 5, "b" * 64)
    database.old_texts.removed(text, page)

    assert database.old_texts.due(clock.now) == []
    entries = database.recordings.ledger(number)
    assert entries[StageName.TRANSCRIBE].file_removed_at == clock.now
    assert entries[StageName.STORE].artifact == page
    assert {entry.status for entry in entries.values()} == {StageStatus.DONE}


@pytest.mark.parametrize("again", [meta(1), meta(1, subject="改了的标题", skip_reason="text_only")])
def test_no_listing_and_no_change_of_settings_brings_it_back(
    database: Database, clock: Clock, again: RecordMeta
) -> None:
    number = done(database, meta(1))
    database.old_texts.forget(database.old_texts.due(clock.now))

    database.recordings.upsert([again])

    assert database.recordings.due(ALL_TIME, "other settings", None) == []
    assert database.recordings.due_among([again]) == []
    assert not database.recordings.retry(number)
    [view] = database.reading.recordings(RecordingFilter())
    assert (view.status, view.skip_reason) == (RecordStatus.DONE, "texts_removed")
