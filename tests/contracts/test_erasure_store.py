"""A student's rows, erased on every engine so that nothing of them is left."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.erasure import ERASED, Words
from meeting_pipeline.domain.model import (
    Minutes,
    Participant,
    RecordMeta,
    Segment,
    Usage,
)
from meeting_pipeline.domain.stages import Artifact, RecordStatus, StageName
from meeting_pipeline.domain.views import RecordingFilter
from tests.support.rows import MONDAY, SETTINGS, Clock, meta, minutes, stay

LEI, MEI = "id_李雷", "id_韩梅梅"
CANARY = "我的身份证号是三一四一五九"
ALL_OF_LEI = Words((LEI, "李雷", CANARY))
BOTH = (stay("王老师"), stay("李雷"), stay("韩梅梅"))


def said(sentence: str) -> Minutes:
    """Minutes in which somebody says this, and the summary repeats it."""
    ours = minutes()
    line = Segment(9.5, 12.0, sentence, "李雷")
    transcript = replace(ours.transcript, segments=(*ours.transcript.segments, line))
    summary = replace(ours.summary, abstract=f"李雷说：{sentence}", key_points=(sentence,))
    return Minutes(transcript, summary)


class Lessons:
    """Lessons that are stored, with texts that name who was there."""

    def __init__(self, database: Database) -> None:
        self._store = database.recordings
        self.database = database

    def store(self, listed: RecordMeta, sentence: str = CANARY) -> int:
        self._store.upsert([listed])
        [number] = [record.id for record in self._store.due_among([listed])]
        for stage in StageName:
            self._store.begin_stage(number, stage, SETTINGS)
            self._store.end_stage(number, stage, Artifact(f"{stage}.json", 1, "a" * 64))
        self._store.save(number, said(sentence))
        self._store.finish(number, SETTINGS)
        self._store.spent(number, None, Usage(f"call-{number}", "asr", "m", cost=0.5))
        self.database.stats.refresh()
        return number

    def erase(self, student: str = LEI) -> None:
        self.database.erasure.erase(self.database.erasure.find(student))
        self.database.stats.refresh()
        self.database.erasure.compact()

    def known(self) -> Sequence[int]:
        return [view.id for view in self.database.reading.recordings(RecordingFilter())]


@pytest.fixture
def lessons(database: Database) -> Lessons:
    return Lessons(database)


def test_what_belongs_to_a_student_is_found(lessons: Lessons) -> None:
    lessons.store(meta(1))
    lessons.store(meta(2, participants=BOTH))
    lessons.store(meta(3, participants=(stay("王老师"), stay("韩梅梅"))))

    scope = lessons.database.erasure.find(LEI)

    assert scope.names == ("李雷",)
    assert scope.whole == (meta(1).key,)
    assert scope.shared == (meta(2).key,)
    assert (scope.namesakes, scope.is_student) == ((), True)


def test_who_only_taught_is_no_student(lessons: Lessons) -> None:
    lessons.store(meta(1))

    assert not lessons.database.erasure.find("id_王老师").is_student


def test_others_of_the_same_name_are_named(lessons: Lessons) -> None:
    other = Participant("id_other", "李雷", MONDAY, MONDAY)
    phone = Participant(None, "李雷", MONDAY, MONDAY)
    lessons.store(meta(1))
    lessons.store(meta(2, participants=(stay("王老师"), other)))
    lessons.store(meta(3, participants=(stay("王老师"), phone)))

    scope = lessons.database.erasure.find(LEI)

    assert scope.namesakes == ("id_other", "李雷")
    assert scope.words.words == (LEI,)


def test_a_lesson_of_theirs_alone_goes_whole_and_what_it_cost_stays(lessons: Lessons) -> None:
    lessons.store(meta(1))
    assert lessons.database.erasure.remnants(ALL_OF_LEI)

    lessons.erase()

    assert lessons.known() == []
    assert lessons.database.erasure.remnants(ALL_OF_LEI) == []
    assert lessons.database.stats.differences() == []
    with lessons.database.engine.connect() as connection:
        rows = {
            table: connection.exec_driver_sql(f"SELECT COUNT(*) FROM {table}").scalar()
            for table in ("transcript_segments", "summaries", "attendance", "stage_ledger")
        }
        cost = connection.exec_driver_sql("SELECT SUM(cost) FROM `usage`").scalar()
    assert set(rows.values()) == {0}
    assert cost == 0.5


def test_a_shared_lesson_loses_its_texts_and_this_person_but_not_the_others_numbers(
    lessons: Lessons,
) -> None:
    number = lessons.store(meta(1, participants=BOTH, subject="李雷和韩梅梅的小组课"))
    before = lessons.database.reading.stats(MEI)

    lessons.erase()

    assert lessons.database.erasure.remnants(ALL_OF_LEI) == []
    assert lessons.database.reading.stats(MEI) == before
    assert lessons.database.reading.stats(LEI) == ()
    assert lessons.database.stats.differences() == []
    detail = lessons.database.reading.show(number)
    assert detail and (detail.transcript, detail.summary) == (None, None)
    assert [one.person for one in detail.attendance] == ["id_王老师", MEI]
    recording = detail.recording
    assert (recording.status, recording.skip_reason) == (RecordStatus.SKIPPED, ERASED)
    assert recording.student_ids == (MEI,)
    assert recording.subject == "[已删除]和韩梅梅的小组课"


def test_what_the_source_did_not_understand_about_them_goes_and_is_not_told_again(
    lessons: Lessons,
) -> None:
    shared = meta(1, participants=BOTH, notes=("课.json: participants[1].学声 '李雷' is unknown",))
    alone = meta(2, notes=shared.notes)
    number = lessons.store(shared)
    lessons.store(alone)
    assert "recordings.notes" in {
        one.where for one in lessons.database.erasure.remnants(ALL_OF_LEI)
    }

    lessons.erase()

    assert lessons.database.erasure.remnants(ALL_OF_LEI) == []
    assert lessons.database.recordings.upsert([shared, alone]).notes == ()
    detail = lessons.database.reading.show(number)
    assert detail and detail.recording.notes == ()


def test_lessons_of_others_are_not_touched(lessons: Lessons) -> None:
    others = (stay("王老师"), stay("韩梅梅"))
    lessons.store(meta(1))
    number = lessons.store(meta(2, participants=others), sentence="李雷下次也来吗")
    before = lessons.database.reading.show(number)

    lessons.erase()

    assert lessons.database.reading.show(number) == before
    left = lessons.database.erasure.remnants(ALL_OF_LEI)
    assert {one.recording_id for one in left} == {number}
    assert "transcript_segments.text" in {one.where for one in left}


def test_the_next_listing_brings_nothing_back(lessons: Lessons) -> None:
    alone, shared = meta(1), meta(2, participants=BOTH)
    lessons.store(alone)
    number = lessons.store(shared)
    lessons.erase()
    after = lessons.database.reading.show(number)

    listed = lessons.database.recordings.upsert([alone, shared, meta(3)])

    assert (listed.new, listed.known) == (0, 3), "the third is from before they were erased, too"
    assert lessons.database.recordings.unknown([alone, shared, meta(3)]) == []
    assert lessons.known() == [number]
    assert lessons.database.reading.show(number) == after
    assert lessons.database.erasure.remnants(ALL_OF_LEI) == []
    assert lessons.database.recordings.due(None, "other settings", None) == []


def test_who_comes_back_later_is_recorded_again(lessons: Lessons, clock: Clock) -> None:
    lessons.store(meta(1))
    lessons.erase()
    clock.go_on(days=30)
    later = meta(40)

    assert lessons.database.recordings.upsert([later]).new == 1
    lessons.erase()
    assert lessons.database.recordings.upsert([meta(41)]).new == 0, "erased again, until then"


def test_nothing_of_the_students_name_is_in_what_remembers_the_erasure(lessons: Lessons) -> None:
    lessons.store(meta(1))
    lessons.erase()

    with lessons.database.engine.connect() as connection:
        hashes = connection.exec_driver_sql("SELECT word_hash FROM erased").scalars().all()
    assert len(hashes) == 2
    assert all(len(one) == 64 and int(one, 16) for one in hashes)
    assert lessons.database.erasure.was_erased(LEI)
    assert not lessons.database.erasure.was_erased(MEI)


def test_erased_twice_is_erased_once(lessons: Lessons) -> None:
    lessons.store(meta(1))
    scope = lessons.database.erasure.find(LEI)
    lessons.database.erasure.erase(scope)
    lessons.database.erasure.erase(scope)

    assert lessons.known() == []
    assert lessons.database.erasure.find(LEI).keys == ()


def test_an_erased_lesson_cannot_be_retried(lessons: Lessons) -> None:
    number = lessons.store(meta(1, participants=BOTH))
    lessons.erase()

    assert not lessons.database.recordings.retry(number)
    window_of_all = lessons.database.recordings.due(None, SETTINGS, None)
    assert window_of_all == []


def test_an_id_that_begins_like_another_is_another(lessons: Lessons) -> None:
    one = Participant("stu_1", "甲乙", MONDAY, MONDAY)
    ten = Participant("stu_10", "丙丁", MONDAY, MONDAY)
    lessons.store(meta(1, participants=(stay("王老师"), one)), sentence="好")
    number = lessons.store(meta(2, participants=(stay("王老师"), ten)), sentence="好")

    lessons.erase("stu_1")

    assert lessons.known() == [number]
    assert lessons.database.erasure.remnants(Words(("stu_1",))) == []
