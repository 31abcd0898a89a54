"""What a StatsStore promises, on every engine."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import Participant, RecordMeta, Role
from meeting_pipeline.domain.students import attendance_of
from meeting_pipeline.domain.views import RecordingFilter
from meeting_pipeline.ports.rows import StatsStore, StudentStats
from tests.support.databases import Statements
from tests.support.rows import MONDAY, SETTINGS, TEACHER, Clock, meta, minutes, stay


def stored(database: Database) -> dict[str, tuple[int, int, datetime | None]]:
    return {
        one.student_id: (one.record_cnt, one.total_duration, one.last_record_at)
        for one in database.reading.stats()
    }


def finish(database: Database, one: RecordMeta, phase: Phase = Phase.RESUME) -> int:
    database.recordings.upsert([one])
    number = database.reading.find(str(one.key))
    assert number is not None
    database.recordings.save(number, minutes(phase))
    return number


def attended(number: int, **minutes_of: float) -> RecordMeta:
    start = MONDAY + timedelta(days=number)
    return meta(number, participants=tuple(stay(who, n, start) for who, n in minutes_of.items()))


def test_it_is_what_the_port_asks_for(database: Database) -> None:
    store: StatsStore = database.stats
    assert (store.refresh(), store.rebuild(), store.differences()) == (0, 0, [])


def test_a_recording_counts_once_its_result_is_stored(database: Database) -> None:
    database.recordings.upsert([attended(1, 李雷=30, 王老师=60)])
    database.stats.refresh()
    assert stored(database) == {}
    finish(database, attended(1, 李雷=30, 王老师=60))
    assert database.stats.refresh() == 1
    assert stored(database) == {"id_李雷": (1, 30, MONDAY + timedelta(days=1))}


def test_minutes_are_rounded_half_up_from_the_sum_of_seconds(database: Database) -> None:
    for number in (1, 2, 3):
        finish(database, attended(number, 李雷=0.5, 韩梅梅=0.1, 小明=1.1665))
    database.stats.refresh()
    assert {who: row[1] for who, row in stored(database).items()} == {
        "id_李雷": 2,  # 90 s
        "id_韩梅梅": 0,  # 18 s
        "id_小明": 3,  # 209.97 s
    }


def test_a_refresh_without_stale_students_writes_nothing(database: Database) -> None:
    finish(database, attended(1, 李雷=30))
    database.stats.refresh()
    with Statements(database) as statements:
        assert database.stats.refresh() == 0
    assert statements.writes == []


def test_who_was_taken_out_of_the_last_recording_has_no_row_left(database: Database) -> None:
    finish(database, attended(1, 李雷=30))
    database.stats.refresh()
    database.recordings.upsert([attended(1, 韩梅梅=20)])
    assert database.stats.refresh() == 2
    assert list(stored(database)) == ["id_韩梅梅"]


def test_a_moved_recording_moves_the_students_last_one(database: Database) -> None:
    finish(database, attended(1, 李雷=30))
    database.stats.refresh()
    later = MONDAY + timedelta(days=1, minutes=10)
    database.recordings.upsert([meta(1, participants=(stay("李雷", 50, later),), start_ts=later)])
    database.stats.refresh()
    assert stored(database) == {"id_李雷": (1, 50, later)}


def test_rebuild_and_verify_find_what_others_changed(database: Database) -> None:
    finish(database, attended(1, 李雷=30, 韩梅梅=30))
    database.stats.refresh()
    with database.engine.begin() as connection:
        connection.execute(
            text("UPDATE student_stats SET record_cnt = 7 WHERE student_id = 'id_李雷'")
        )
        connection.execute(text("DELETE FROM student_stats WHERE student_id = 'id_韩梅梅'"))
        connection.execute(
            text("INSERT INTO student_stats VALUES ('幽灵', 1, 1, NULL, '2026-01-01')")
        )
    start = MONDAY + timedelta(days=1)
    true = [StudentStats(f"id_{who}", 1, 30, start) for who in ("李雷", "韩梅梅")]
    wrong = StudentStats("id_李雷", 7, 30, start)
    ghost = StudentStats("幽灵", 1, 1, None)
    assert database.stats.differences() == [(wrong, true[0]), (None, true[1]), (ghost, None)]
    assert database.stats.rebuild() == 2
    assert database.stats.differences() == []


def test_a_name_outlives_a_last_recording_that_has_only_the_id(database: Database) -> None:
    for number, name in enumerate(["李蕾", "李雷", ""], start=1):
        start = meta(number).start_ts
        there = (Participant("id_李雷", name, start, start + timedelta(minutes=5)),)
        finish(database, meta(number, participants=there))
    database.stats.refresh()
    (view,) = database.reading.stats("id_李雷")
    assert (view.name, view.record_cnt) == ("李雷", 3)
    assert view.last_record_at == meta(3).start_ts


def test_the_name_of_a_device_does_not_replace_that_of_a_person(database: Database) -> None:
    for number, name in enumerate(["李蕾", "李雷", "iPhone", "李雷的iPad"], start=1):
        start = meta(number).start_ts
        there = (Participant("id_李雷", name, start, start + timedelta(minutes=5)),)
        finish(database, meta(number, participants=there))
    database.stats.refresh()
    [view] = database.reading.stats("id_李雷")
    assert (view.name, view.record_cnt) == ("李雷", 4)


def test_names_and_phases_of_a_student(database: Database) -> None:
    start = MONDAY + timedelta(days=3)
    renamed = (Participant("id_李雷", "雷哥😎", start, start + timedelta(minutes=5)),)
    for one, phase in (
        (attended(1, 李雷=30), Phase.RESUME),
        (attended(2, 李雷=30), Phase.RESUME),
        (meta(3, participants=renamed), Phase.OFFER),
        (attended(4, 韩梅梅=30), Phase.OTHER),
    ):
        finish(database, one, phase)
    database.stats.refresh()
    [view] = database.reading.stats("id_李雷")
    assert (view.name, view.record_cnt, view.total_duration) == ("雷哥😎", 3, 65)
    assert view.phases == {Phase.RESUME: 2, Phase.OFFER: 1}
    assert [one.student_id for one in database.reading.stats()] == ["id_韩梅梅", "id_李雷"]


class Cut(Exception):
    """The process ends here."""


def test_row_83_a_run_cut_off_at_any_statement_leaves_no_number_wrong_for_longer_than_that(
    database: Database,
) -> None:
    """Cut at the 1st, 2nd, … statement from the rows to the numbers, until one passes."""
    for cut_at in count(1):
        one = meta(cut_at, participants=(stay("王老师"), stay("李雷", 30)))
        database.recordings.upsert([one])
        [record] = database.recordings.due(None, SETTINGS, None)
        numbers = count(1)

        def cut(*details: object, numbers: Iterator[int] = numbers, at: int = cut_at) -> None:
            if next(numbers) == at:
                raise Cut

        event.listen(database.engine, "before_cursor_execute", cut)
        whole = True
        try:
            database.recordings.save(record.id, minutes())
            database.stats.refresh()
        except Cut:
            whole = False
        event.remove(database.engine, "before_cursor_execute", cut)

        database.stats.refresh()
        assert database.stats.differences() == []
        database.recordings.save(record.id, minutes())
        database.recordings.finish(record.id, SETTINGS)
        database.stats.refresh()
        assert database.stats.differences() == []
        if whole:
            break
    assert cut_at > 8
    assert stored(database)["id_李雷"][0] == cut_at


def test_no_numbers_are_lost_between_a_refresh_and_a_save_at_the_same_time(
    database: Database, database_url: str, clock: Clock
) -> None:
    """One writes results and moves people about, the other refreshes, as fast as they can."""
    other = Database(database_url, [TEACHER], clock)
    numbers = [finish(database, attended(number, 李雷=30)) for number in range(4)]

    def write() -> None:
        for turn in range(12):
            who = "李雷" if turn % 2 else "韩梅梅"
            database.recordings.save(numbers[turn % 4], minutes())
            database.recordings.upsert([attended(turn % 4, **{who: turn + 1})])

    with ThreadPoolExecutor(2) as threads:
        writing = threads.submit(write)
        refreshes = threads.submit(_until, writing.done, other.stats.refresh)
        writing.result()
        refreshes.result()
    other.stats.refresh()
    assert database.stats.differences() == []
    other.close()


def _until(is_done: Callable[[], bool], act: Callable[[], object]) -> None:
    while not is_done():
        act()


@dataclass
class Model:
    """What the rows shall come to, in plain Python."""

    metas: dict[int, RecordMeta] = field(default_factory=dict)
    stored: set[int] = field(default_factory=set)

    def list(self, one: RecordMeta, number: int) -> None:
        before = self.metas.get(number)
        if before is not None:
            one = meta(
                number,
                participants=before.participants if one.participants is None else one.participants,
                duration_s=before.duration_s if one.duration_s is None else one.duration_s,
            )
        self.metas[number] = one

    def stats(self) -> dict[str, tuple[int, int, datetime | None]]:
        milliseconds: dict[str, int] = {}
        starts: dict[str, list[datetime]] = {}
        for number in self.stored:
            for one in attendance_of(self.metas[number], [TEACHER]):
                if one.role is Role.STUDENT:
                    total = milliseconds.get(one.person, 0) + round(one.seconds * 1000)
                    milliseconds[one.person] = total
                    starts.setdefault(one.person, []).append(self.metas[number].start_ts)
        return {
            who: (len(starts[who]), (milliseconds[who] + 30_000) // 60_000, max(starts[who]))
            for who in milliseconds
        }


NUMBERS = st.integers(0, 3)
STAYS = st.builds(
    lambda who, joined, length: (who, joined, length),
    st.sampled_from(["李雷", "韩梅梅", "小明😀", TEACHER]),
    st.integers(-10, 50),
    st.integers(0, 5_000_000),
)
LISTINGS = st.tuples(
    st.just("list"),
    NUMBERS,
    st.none() | st.lists(STAYS, max_size=4),
    st.sampled_from([None, 600.0, 3600.0]),
)
OPERATIONS = st.lists(
    LISTINGS | st.tuples(st.just("save"), NUMBERS) | st.tuples(st.just("refresh")), max_size=14
)


def _participants(
    number: int, stays: list[tuple[str, int, int]] | None
) -> tuple[Participant, ...] | None:
    if stays is None:
        return None
    start = MONDAY + timedelta(days=number)
    return tuple(
        Participant(
            None,
            who,
            start + timedelta(minutes=joined),
            start + timedelta(minutes=joined, milliseconds=length),
        )
        for who, joined, length in stays
    )


@given(operations=OPERATIONS)
@example([("list", 0, None, 600.0), ("save", 0), ("list", 0, [("李雷", 10, 30_000)], None)])
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_happens_the_numbers_equal_a_recomputation(
    database: Database, operations: list[tuple[object, ...]]
) -> None:
    _empty(database)
    model = Model()
    for operation in operations:
        match operation:
            case ("list", int(number), stays, duration_s):
                people = _participants(number, stays)  # type: ignore[arg-type]  # as drawn above
                one = meta(number, participants=people, duration_s=duration_s)
                database.recordings.upsert([one])
                model.list(one, number)
            case ("save", int(number)) if number in model.metas:
                finish_known(database, number)
                model.stored.add(number)
            case ("refresh",):
                database.stats.refresh()
    database.stats.refresh()
    assert stored(database) == model.stats()
    assert database.stats.differences() == []


def finish_known(database: Database, number: int) -> None:
    found = database.reading.find(str(meta(number).key))
    assert found is not None
    database.recordings.save(found, minutes())


def _empty(database: Database) -> None:
    with database.engine.begin() as connection:
        for table in ("recordings", "student_stats", "stale_students"):
            connection.execute(text(f"DELETE FROM {table}"))


@pytest.mark.parametrize("found", [RecordingFilter(student="id_李雷")])
def test_the_students_recordings_are_the_ones_that_count(
    database: Database, found: RecordingFilter
) -> None:
    numbers = [finish(database, attended(number, 李雷=10)) for number in (1, 2)]
    finish(database, attended(3, 韩梅梅=10))
    assert [one.id for one in database.reading.recordings(found)] == numbers[::-1]
