"""What `status`, `show`, `why` and `stats` are answered from, on every engine."""

from datetime import timedelta

import pytest

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import Participant, RecordKey, Role, Usage
from meeting_pipeline.domain.stages import RecordStatus, StageName, StageStatus
from meeting_pipeline.domain.views import RecordingFilter
from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports.rows import StageFailure
from tests.support.databases import Statements
from tests.support.rows import MONDAY, SETTINGS, Clock, meta, minutes

FAILURE = StageFailure(StageName.DOWNLOAD, StageStatus.FAILED, "timeout", "没有回答")


@pytest.fixture
def numbers(database: Database) -> list[int]:
    """Ten recordings: 0 done, 1 failed, 2 dead, 3 without known participants, the rest pending."""
    people: dict[int, dict[str, None]] = {3: {"participants": None}}
    database.recordings.upsert([meta(number, **people.get(number, {})) for number in range(10)])
    found = [database.reading.find(str(meta(number).key)) or 0 for number in range(10)]
    database.recordings.save(found[0], minutes(Phase.INTERVIEW))
    database.recordings.finish(found[0], SETTINGS)
    database.recordings.set_back(found[1], FAILURE, RecordStatus.FAILED)
    database.recordings.set_back(found[2], FAILURE, RecordStatus.DEAD)
    return found


def shown(database: Database, **wanted: object) -> list[int]:
    filtered = RecordingFilter(**wanted)  # type: ignore[arg-type]  # named by the tests below
    return [one.id for one in database.reading.recordings(filtered)]


def test_the_newest_start_comes_first(database: Database, numbers: list[int]) -> None:
    assert shown(database) == numbers[::-1]
    assert shown(database, limit=2) == [numbers[9], numbers[8]]


def test_filters_narrow_down(database: Database, numbers: list[int]) -> None:
    assert shown(database, failed=True) == [numbers[2], numbers[1]]
    assert shown(database, due=True) == [*numbers[:2:-1], numbers[1]]
    assert shown(database, failed=True, due=True) == numbers[:0:-1]
    assert shown(database, since=meta(8).start_ts) == [numbers[9], numbers[8]]
    assert shown(database, student="id_李雷", since=meta(2).start_ts) == [
        *numbers[:3:-1],
        numbers[2],
    ]
    assert shown(database, student="没有这个人") == []


def people(*named: tuple[str | None, str]) -> tuple[Participant, ...]:
    return tuple(Participant(person_id, name) for person_id, name in named)


def test_a_student_is_found_by_id_or_by_any_of_their_names(database: Database) -> None:
    listed = [
        meta(1, participants=people(("s1", "王同学"), ("t1", "赵老师")), teacher_id="t1"),
        meta(2, participants=people(("s1", ""), ("s2", "😎"))),
        meta(3, participants=people((None, "王同学"), ("t1", "赵老师")), teacher_id="t1"),
        meta(4, participants=people(("s3", "王同学2"), ("S1", "王"))),
    ]
    database.recordings.upsert(listed)
    first, second, third, _ = [database.reading.find(str(one.key)) for one in listed]
    assert shown(database, student="王同学") == [third, second, first]
    assert shown(database, student=" s1 ") == [second, first]
    assert shown(database, student="😎") == [second]
    for nobody in ("😀", "王同", "%", "", "\udce5"):
        assert shown(database, student=nobody) == []


def test_a_teacher_is_not_found_as_a_student(database: Database) -> None:
    taught = meta(1, participants=people(("t1", "赵老师"), ("s1", "王同学")), teacher_id="t1")
    learned = meta(2, participants=people(("t1", "赵老师")), teacher_id="别人")
    database.recordings.upsert([taught])
    assert shown(database, student="t1") == shown(database, student="赵老师") == []
    database.recordings.upsert([learned])
    as_student = [database.reading.find(str(learned.key))]
    assert shown(database, student="t1") == shown(database, student="赵老师") == as_student


def test_due_is_the_same_here_and_for_a_run(
    database: Database, numbers: list[int], clock: Clock
) -> None:
    failure = StageFailure(
        StageName.DOWNLOAD, StageStatus.FAILED, "x", "y", clock.now + timedelta(hours=1)
    )
    database.recordings.set_back(numbers[4], failure, RecordStatus.FAILED)
    database.recordings.begin_stage(numbers[0], StageName.STORE, "new")
    for _ in range(2):
        run = [record.id for record in database.recordings.due(None, SETTINGS, None)]
        assert shown(database, due=True) == run[::-1]
        clock.go_on(hours=2)


def test_pages_follow_one_another_even_with_equal_starts(database: Database) -> None:
    database.recordings.upsert([meta(number, start_ts=MONDAY) for number in range(7)])
    pages = list(database.reading.pages(RecordingFilter(), 3))
    assert [len(page) for page in pages] == [3, 3, 1]
    assert len({view.id for page in pages for view in page}) == 7


def test_a_list_reads_no_texts(database: Database, numbers: list[int]) -> None:
    with Statements(database) as statements:
        database.reading.recordings(RecordingFilter())
        database.recordings.due(None, SETTINGS, None)
        database.recordings.upsert([meta(1), meta(40)])
    assert not [one for one in statements.sent if "transcript" in one or "summary" in one]


def test_a_view_says_how_each_stage_stands(database: Database, numbers: list[int]) -> None:
    views = {one.id: one for one in database.reading.recordings(RecordingFilter())}
    failed = views[numbers[1]]
    assert failed.stages[StageName.DOWNLOAD].error_code == "timeout"
    assert (failed.status, failed.phase, failed.participants_known) == ("failed", None, True)
    assert views[numbers[3]].student_ids == ()
    assert not views[numbers[3]].participants_known
    assert views[numbers[0]].phase is Phase.INTERVIEW


def test_show_tells_everything(database: Database, numbers: list[int]) -> None:
    database.recordings.spent(numbers[0], None, Usage("c", "asr", "base", 60.0))
    detail = database.reading.show(numbers[0])
    assert detail is not None
    assert detail.transcript == minutes().transcript
    assert detail.summary == minutes(Phase.INTERVIEW).summary
    assert [(one.name, one.role, one.seconds) for one in detail.attendance] == [
        ("李雷", Role.STUDENT, 3600.0),
        ("王老师", Role.TEACHER, 3600.0),
    ]
    start = meta(0).start_ts
    assert detail.attendance[0].intervals == ((start, start + timedelta(hours=1)),)
    assert detail.usage == (Usage("c", "asr", "base", 60.0),)
    assert (detail.play_url, detail.size_bytes) == (meta(0).play_url, meta(0).size_bytes)


def test_show_of_an_unfinished_one_has_no_texts(database: Database, numbers: list[int]) -> None:
    detail = database.reading.show(numbers[5])
    assert detail is not None
    assert (detail.transcript, detail.summary, detail.usage) == (None, None, ())
    assert database.reading.show(999_999_999) is None


def test_find_takes_our_number_the_record_id_or_both_words(
    database: Database, numbers: list[int]
) -> None:
    for reference in (str(numbers[4]), f" {meta(4).key.record_id} ", str(meta(4).key)):
        assert database.reading.find(reference) == numbers[4]
    for reference in ("0", "99999999", "'; DROP TABLE recordings", "²", "", "folder:1", "9" * 30):
        assert database.reading.find(reference) is None


def test_an_id_of_two_sources_must_be_told_apart(database: Database) -> None:
    keys = [RecordKey(source, "abc") for source in ("folder", "tencent")]
    database.recordings.upsert([meta(1, key=keys[0]), meta(2, key=keys[1])])
    with pytest.raises(RecordError) as refusal:
        database.reading.find("abc")
    assert refusal.value.code == "ambiguous_id"
    assert database.reading.find("folder:abc") != database.reading.find("tencent:abc")


def test_counts_say_how_many_stand_how(database: Database, numbers: list[int]) -> None:
    assert database.reading.counts() == {
        RecordStatus.DONE: 1,
        RecordStatus.FAILED: 1,
        RecordStatus.DEAD: 1,
        RecordStatus.PENDING: 7,
    }
