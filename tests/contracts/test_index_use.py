"""What a night and the read commands ask stays an index read, on every engine, however much grows.

Asked of the databases themselves: each statement is explained before it is run.
"""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, text

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.db.schema import (
    attendance,
    recordings,
    stage_ledger,
    student_stats,
    usage,
)
from meeting_pipeline.adapters.db.writing import mark_stale
from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import RecordMeta, Role, Usage
from meeting_pipeline.domain.retention import Cutoffs, RetainedKind
from meeting_pipeline.domain.stages import (
    Artifact,
    RecordStatus,
    RunReport,
    StageName,
    StageStatus,
)
from meeting_pipeline.domain.views import RecordingFilter
from meeting_pipeline.domain.window import Window
from meeting_pipeline.ports.rows import StageFailure
from meeting_pipeline.ports.sources import MediaLink
from tests.support.rows import MONDAY, SETTINGS, Clock, meta, minutes, set_watermark, stay

pytestmark = pytest.mark.slow  # each test fills years of rows

PAST, STUDENTS = 3000, 60
GROWING = {"recordings", "attendance", "stage_ledger", "transcript_segments", "transcripts"}
GROWING |= {"summaries", "usage", "student_stats"}
PAGE = 20
_CALL = {"kind": "asr", "model": "m", "audio_seconds": 1.0, "prompt_tokens": 0}
_CALL |= {"completion_tokens": 0, "cost": 0.0}
LOOKED_AT = ("SELECT", "UPDATE", "DELETE")


class Plans:
    """Every statement of the block with what the database would do: (statement, table, how)."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self.statements: list[str] = []
        self.steps: list[tuple[str, str, str]] = []

    def __enter__(self) -> "Plans":
        event.listen(self._engine, "before_cursor_execute", self._explain)
        return self

    def __exit__(self, *trouble: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._explain)

    def whole_tables(self) -> list[tuple[str, str, str]]:
        """Walks through a table that grows, but for the first page of an ordered index."""
        walks = [step for step in self.steps if step[1] in GROWING and _is_a_walk(step[2])]
        return [step for step in walks if not _is_a_page(*step)]

    def _explain(
        self, connection: Any, cursor: Any, statement: str, given: Any, context: Any, many: bool
    ) -> None:
        self.statements.append(statement)
        if statement.split(maxsplit=1)[0] not in LOOKED_AT:
            return
        sqlite = connection.dialect.name == "sqlite"
        asked = cursor.connection.cursor()
        asked.execute(
            ("EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN ") + statement,
            given[0] if many else given,
        )
        for row in asked.fetchall():
            table, how = _sqlite_step(row[3]) if sqlite else (row[2], f"{row[3]} {row[5]}")
            self.steps.append((statement, str(table), how))
        asked.close()


def _sqlite_step(detail: str) -> tuple[str, str]:
    words = detail.split()
    return (words[1], detail) if words[0] in ("SCAN", "SEARCH") else ("", detail)


def _is_a_walk(how: str) -> bool:
    return how.startswith(("SCAN", "ALL", "index "))


def _is_a_page(statement: str, table: str, how: str) -> bool:
    return "recordings_by_start" in how and "LIMIT" in statement


@pytest.fixture
def years(database: Database) -> None:
    """3000 finished recordings of 60 students, an hour after the other."""
    rows, present, ledger, calls = [], [], [], []
    for number in range(1, PAST + 1):
        start = MONDAY - timedelta(hours=PAST - number)
        person = f"s{number % STUDENTS}"
        same = {"start_ts": start, "created_at": start, "updated_at": start}
        key = {"id": number, "source": "tencent", "record_id": f"old{number}", "subject": ""}
        done = {"status": RecordStatus.DONE, "phase": "其他", "made_with": SETTINGS}
        texts = {"transcript": "说" * 200, "summary": "好" * 20}
        rows.append({**same, **key, **done, **texts, "student_ids": [person]})
        for who, role in ((person, Role.STUDENT), ("t1", Role.TEACHER)):
            stayed = {"person": who, "name": f"名{who}", "role": role, "seconds": 60.0}
            present.append({"recording_id": number, **stayed, "intervals": []})
        stage = {"stage": StageName.STORE, "status": StageStatus.DONE, "attempts": 1}
        ledger.append({"recording_id": number, **stage, "made_from": ""})
        call = {"recording_id": number, "call": "c", "run_id": number // 30, "created_at": start}
        calls.append({**call, **_CALL})
    totals = [
        {"student_id": f"s{n}", "record_cnt": 50, "total_duration": 50, "updated_at": MONDAY}
        for n in range(STUDENTS)
    ]
    filled = {recordings: rows, attendance: present, stage_ledger: ledger, usage: calls}
    with database.engine.begin() as connection:
        for table, made in {**filled, student_stats: totals}.items():
            connection.execute(table.insert(), made)
        if connection.dialect.name == "mysql":
            connection.execute(text(f"ANALYZE TABLE {', '.join(f'`{one}`' for one in filled)}"))


def tonight() -> list[RecordMeta]:
    people = (stay("t1"), stay("s3"))
    return [meta(number, participants=people, teacher_id="id_t1") for number in range(1, 6)]


def a_night(database: Database, clock: Clock) -> None:
    """Everything a run asks and writes; the fourth recording is left running, the fifth fails."""
    store, window = database.recordings, Window(MONDAY, clock.now)
    run_id = database.runs.start("cron", window)
    for ask in (store.unknown, store.upsert, store.lacking_participants):
        ask(tonight())
    store.due(window, "other settings", PAGE)
    due = store.due(None, SETTINGS, None)
    assert len(due) == 5
    for record in due[:3]:
        store.ledger(record.id)
        for stage in StageName:
            store.begin_stage(record.id, stage, SETTINGS)
            store.end_stage(record.id, stage, Artifact("a", 1, "b"))
        store.note_links(record.id, MediaLink("", "m4a", play_url="https://play.invalid"))
        store.spent(record.id, run_id, Usage("call", "asr", "whisper"))
        store.save(record.id, minutes())
        store.finish(record.id, SETTINGS)
    store.begin_stage(due[3].id, StageName.DOWNLOAD, SETTINGS)
    failure = StageFailure(StageName.DOWNLOAD, StageStatus.FAILED, "timeout", "没有回答")
    store.set_back(due[4].id, failure, RecordStatus.FAILED)
    assert len(store.due(None, SETTINGS, None)) == 2
    with database.engine.begin() as connection:
        mark_stale(connection, ["s1", "s2"])
    assert database.stats.refresh() == 3
    used = database.runs.usage(run_id)
    database.runs.finish(RunReport(run_id, window, 5, 5, 0, 0, (), 0, 0.0, usage=used))
    set_watermark(database.runs, "tencent", clock.now)
    database.runs.watermark("tencent")


def reads(database: Database) -> None:
    """What `status`, `show`, `why` and `stats` ask, in every combination that people may ask."""
    for wanted in (
        RecordingFilter(limit=PAGE),
        RecordingFilter(limit=PAGE),
        RecordingFilter(limit=PAGE, since=MONDAY),
        RecordingFilter(failed=True, limit=PAGE),
        RecordingFilter(due=True, limit=PAGE),
        RecordingFilter(failed=True, due=True, limit=PAGE),
        RecordingFilter(student="s1", limit=PAGE),
        RecordingFilter(student="名s1", due=True, limit=PAGE),
        RecordingFilter(student="没有这个人", limit=PAGE),
        RecordingFilter(since=MONDAY - timedelta(days=9), until=MONDAY, limit=PAGE),
        RecordingFilter(phase=Phase.OTHER, limit=PAGE),
        RecordingFilter(student="s1", phase=Phase.OTHER, until=MONDAY, limit=PAGE),
    ):
        database.reading.recordings(wanted)
    database.reading.find("old7")
    database.reading.find("tencent:old7")
    database.reading.show(7)
    database.reading.stats("s1")
    database.reading.runs(1)


def test_a_night_walks_through_no_table_that_grows(
    database: Database, clock: Clock, years: None
) -> None:
    with Plans(database) as plans:
        a_night(database, clock)
    assert plans.whole_tables() == []


def test_questions_walk_through_no_table_that_grows(
    database: Database, clock: Clock, years: None
) -> None:
    a_night(database, clock)
    with Plans(database) as plans:
        reads(database)
    assert plans.whole_tables() == []


def test_an_export_walks_through_no_table_that_grows(database: Database, years: None) -> None:
    week = RecordingFilter(since=MONDAY - timedelta(days=7))
    for wanted in (week, RecordingFilter(student="s1"), replace(week, phase=Phase.RESUME)):
        with Plans(database) as plans:
            list(database.exporting.recordings(wanted, transcripts=True))
        assert plans.whole_tables() == []


def test_old_transcripts_are_found_without_a_walk(
    database: Database, clock: Clock, years: None
) -> None:
    a_night(database, clock)
    cutoffs = Cutoffs(clock.now, clock.now, texts=clock.now)
    with Plans(database) as plans:
        assert len(database.retention.due(cutoffs, [RetainedKind.TEXTS])) == 3
    assert plans.whole_tables() == []


def test_the_check_itself_sees_a_walk(database: Database, years: None) -> None:
    with Plans(database) as plans, database.engine.connect() as connection:
        connection.execute(select(recordings.c.id).where(recordings.c.subject == "第")).all()
    assert [table for _, table, _ in plans.whole_tables()] == ["recordings"]


def test_counts_read_an_index_and_no_rows(database: Database, years: None) -> None:
    with Plans(database) as plans:
        database.reading.counts()
    [(_, _, how)] = plans.steps
    assert "recordings_by_status" in how


def test_no_question_of_a_night_or_of_a_list_reads_the_texts(
    database: Database, clock: Clock, years: None
) -> None:
    with Plans(database) as plans:
        a_night(database, clock)
        reads(database)
        database.reading.counts()
        database.reading.stats()
    asked = [one for one in plans.statements if one.startswith("SELECT")]
    assert len(asked) > 50
    assert not [one for one in asked if re.search(r"\b(transcript|summary)\b|\*(?!\))", one)]


def test_a_page_has_its_full_length_when_a_student_was_there_under_two_ids(
    database: Database,
) -> None:
    twice = (stay("王同学"), replace(stay("王同学"), person_id="second id"))
    database.recordings.upsert([meta(number, participants=twice) for number in range(4)])
    found = database.reading.recordings(RecordingFilter(student="王同学", limit=3))
    assert len(found) == 3
