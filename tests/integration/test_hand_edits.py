"""Rows that an operator has changed by hand are read, or named."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from meeting_pipeline.adapters.db import exporting
from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.db.engine import read
from meeting_pipeline.adapters.db.schema import recordings
from meeting_pipeline.domain.views import RecordingFilter
from meeting_pipeline.errors import FatalError
from tests.support.rows import meta

MANY = exporting._PAGE + 5
EVERYTHING = RecordingFilter()


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'meeting.db'}")
    opened.make_ready()
    opened.recordings.upsert([meta(number) for number in range(MANY)])
    yield opened
    opened.close()


def edit(rows: Database, statement: str) -> None:
    with rows.engine.begin() as connection:
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-05 10:00:00",
        "2026-01-05T10:00:00",
        "2026-01-05T10:00:00Z",
        "2026-01-05 10:00",
        "2026-01-05 18:00:00+08:00",
        "2026-01-05 10:00:00.0",
    ],
)
def test_every_recording_is_exported_once_whatever_form_its_start_has(
    rows: Database, written: str
) -> None:
    edit(rows, f"UPDATE recordings SET start_ts = '{written}', end_ts = NULL")
    found = [one.recording for one in rows.exporting.recordings(EVERYTHING, transcripts=False)]
    assert len(found) == len({one.id for one in found}) == MANY
    assert {one.start_ts for one in found} == {datetime(2026, 1, 5, 10, tzinfo=UTC)}
    assert len(list(rows.repair.recordings())) == MANY
    assert len(rows.recordings.due(None, "settings", None)) == MANY


@pytest.mark.parametrize(
    ("column", "written", "shown"),
    [
        ("start_ts", "'tomorrow'", "tomorrow"),
        ("start_ts", "'0000-00-00 00:00:00'", "0000-00-00 00:00:00"),
        ("end_ts", "1.5", "1.5"),
        ("created_at", "x'ff00'", "\ufffd"),
        ("student_ids", "'[1'", "[1"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_its_row(
    rows: Database, column: str, written: str, shown: str
) -> None:
    edit(rows, f"UPDATE recordings SET {column} = {written} WHERE id = 7")
    with pytest.raises(FatalError) as refusal:
        read(rows.engine, lambda connection: connection.execute(select(recordings)).all())
    assert refusal.value.code == "unreadable_row"
    assert f"recordings.{column} of id 7" in refusal.value.message
    assert shown in refusal.value.message
    assert refusal.value.hint


def test_a_recording_that_is_removed_while_it_is_exported_is_left_out(rows: Database) -> None:
    found = rows.exporting.recordings(EVERYTHING, transcripts=False)
    first = next(found)
    last = min(one.id for one in rows.reading.recordings(EVERYTHING))
    edit(rows, f"DELETE FROM recordings WHERE id = {last}")
    assert len([first, *found]) >= MANY - 1
