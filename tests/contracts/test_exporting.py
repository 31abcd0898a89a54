"""What an export is made of, on every engine."""

from dataclasses import replace

import pytest

from meeting_pipeline.adapters.db import exporting
from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import Participant
from meeting_pipeline.domain.views import ExportedRecording, RecordingFilter
from tests.support.databases import Statements
from tests.support.rows import MONDAY, meta, minutes

EVERYTHING = RecordingFilter()
MANY = 2 * exporting._PAGE + 3


def told(
    database: Database, wanted: RecordingFilter = EVERYTHING, *, transcripts: bool = False
) -> list[ExportedRecording]:
    return list(database.exporting.recordings(wanted, transcripts=transcripts))


def ids(found: list[ExportedRecording]) -> list[str]:
    return [one.recording.record_id for one in found]


def record_ids(*numbers: int) -> list[str]:
    return [meta(number).key.record_id for number in numbers]


def store(database: Database, number: int, phase: Phase) -> None:
    place = database.reading.find(meta(number).key.record_id)
    assert place is not None
    database.recordings.save(place, minutes(phase))


def test_a_recording_comes_with_names_and_texts(database: Database) -> None:
    people = (Participant("t1", "王老师"), Participant("s2", "韩梅梅"), Participant("s1", ""))
    database.recordings.upsert([meta(1, participants=people, teacher_id="t1"), meta(2)])
    store(database, 1, Phase.OFFER)
    unfinished, done = told(database, transcripts=True)
    assert (done.teachers, done.students) == (("王老师",), ("s1", "韩梅梅"))
    assert done.transcript == minutes().transcript.text
    assert done.summary is not None
    assert done.summary.startswith("简历的第一页\n\n两人改了简历。")
    assert (unfinished.summary, unfinished.transcript) == (None, None)


def test_every_recording_is_told_once_across_pages(database: Database) -> None:
    same_start = {number: {"start_ts": MONDAY} for number in range(exporting._PAGE + 1)}
    metas = [meta(number, **same_start.get(number, {})) for number in range(MANY)]
    database.recordings.upsert(metas)
    found = told(database)
    assert len(found) == MANY
    assert sorted(ids(found)) == sorted(record_ids(*range(MANY)))
    starts = [one.recording.start_ts for one in found]
    assert starts == sorted(starts, reverse=True)


def test_filters_narrow_it_down(database: Database) -> None:
    database.recordings.upsert([meta(number) for number in range(6)])
    for number, phase in ((1, Phase.OFFER), (3, Phase.OFFER), (4, Phase.RESUME)):
        store(database, number, phase)
    span = RecordingFilter(since=meta(2).start_ts, until=meta(4).start_ts)
    for wanted, numbers in (
        (RecordingFilter(phase=Phase.OFFER), (3, 1)),
        (span, (3, 2)),
        (replace(span, phase=Phase.OFFER), (3,)),
        (RecordingFilter(student="李雷", phase=Phase.RESUME), (4,)),
        (RecordingFilter(student="没有这个人"), ()),
    ):
        assert ids(told(database, wanted)) == record_ids(*numbers)


@pytest.mark.parametrize("transcripts", [False, True])
def test_a_page_is_read_when_it_is_needed_and_goes_on_after_the_last(
    database: Database, transcripts: bool
) -> None:
    database.recordings.upsert([meta(number) for number in range(MANY)])
    with Statements(database) as statements:
        telling = database.exporting.recordings(RecordingFilter(), transcripts=transcripts)
        next(telling)
        of_first = len(statements.sent)
        list(telling)
    asked = [one for one in statements.sent if one.startswith("SELECT")]
    numbers = [one for one in asked if "ORDER BY recordings.start_ts" in one]
    of_transcripts = [one for one in asked if "recordings.transcript" in one]
    assert of_first < 12
    assert len(numbers) == 1, "the order is read once"
    assert len(of_transcripts) == (MANY if transcripts else 0)
    assert len(asked) - len(of_transcripts) <= 4 * 5
