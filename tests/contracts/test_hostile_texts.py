"""B3.3 and B3.12: titles and names are data, in statements, tables, JSON and on terminals."""

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from sqlalchemy import inspect

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.db.schema import metadata
from meeting_pipeline.cli import render
from meeting_pipeline.domain.display import json_text, strip_control_characters
from meeting_pipeline.domain.views import RecordingFilter
from tests.support.command import meeting
from tests.support.rows import TEACHER, Clock, meta, minutes, stay

TITLES = (
    "');DROP TABLE recordings;--",
    "Robert'); DELETE FROM attendance; --",
    '" OR ""="',
    "' UNION SELECT secret FROM t --",
    "\\'; DROP TABLE recordings; #",
    "%s %(x)s %d :name ? ?1 @p $1 {0} {{}}",
    "/*! DROP TABLE recordings */",
    "0x27204f5220313d31",
    "简历'；--　“🚀”",
    "a\x00b\x1a\\0",
    "\x1b[2J\x1b]0;owned\x07\x1b[31mred",
    "\x9b31mred\x9d0;owned\x9c",
    "one\r\ntwo\rthree\nfour\tfive",
    "\u202egnp.exe\u2066\u200b\ufeff",
    "[bold red]markup[/] [link=file:///etc/passwd]x[/link]",
    "=cmd|'/C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "<script>alert(1)</script>",
    "../../etc/x",
    "",
)
TURNING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)


def subjects(database: Database) -> list[str]:
    """Of every recording, as they come back."""
    return [one.subject for one in database.reading.recordings(RecordingFilter())]


def assert_whole(database: Database) -> None:
    """Every table is there, and the statistics are those of the rows."""
    there = set(inspect(database.engine).get_table_names())
    assert {table.name for table in metadata.sorted_tables} <= there
    assert database.stats.differences() == []


def test_security_03_titles_and_names_come_back_as_they_were(database: Database) -> None:
    named = [title for title in TITLES if title.strip()]
    listed = [
        meta(number, subject=title, participants=(stay("王老师"), stay(f"{title}的家长")))
        for number, title in enumerate(named)
    ]
    database.recordings.upsert(listed)
    for one, title in zip(listed, named, strict=True):
        number = database.reading.find(one.key.record_id)
        assert number is not None
        spoken = minutes(text=title)
        database.recordings.save(number, spoken)
        detail = database.reading.show(number)
        assert detail and detail.transcript
        assert detail.transcript == spoken.transcript
        assert {stay.name for stay in detail.attendance} >= {f"{title}的家长"}
    assert sorted(subjects(database)) == sorted(named)
    database.stats.rebuild()
    assert_whole(database)


def test_security_03_nothing_that_is_asked_for_is_read_as_sql(database: Database) -> None:
    database.recordings.upsert([meta(1, subject="好")])
    for title in TITLES:
        assert database.reading.find(f"x{title}") is None
        wanted = RecordingFilter(student=f"x{title}")
        assert list(database.reading.recordings(wanted)) == []
        assert list(database.reading.stats(f"x{title}")) == []
    assert subjects(database) == ["好"]
    assert_whole(database)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(title=TEXTS)
def test_security_03_any_title_comes_back_as_it_was(database: Database, title: str) -> None:
    database.recordings.upsert([meta(1, subject=title)])
    assert subjects(database) == [title.strip()]


# ── on the way out ───────────────────────────────────────────────────────────────────────────────


def steering(text: str) -> set[str]:
    """The signs in it that move a cursor, hide or turn text round; an end of line is none."""
    ends = ("Zl", "Zp")
    return {
        sign
        for sign in text
        if (unicodedata.category(sign)[0] == "C" or unicodedata.category(sign) in ends)
        and sign != "\n"
    }


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_security_12_text_in_tables_steers_nothing(title: str) -> None:
    assert steering(strip_control_characters(title)) == set()
    assert "\n" not in strip_control_characters(title)
    out = Console(width=200, record=True, quiet=True)
    out.print(render.table(("主题",), [(title,)]))
    assert steering(out.export_text(styles=True)) == set()


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(), st.text() | st.lists(st.text())))
def test_security_12_text_in_json_reads_back_and_steers_nothing(value: dict[str, object]) -> None:
    assert json.loads(json_text(value)) == value
    for sign in steering(json_text(value)):
        assert unicodedata.category(sign) not in ("Cc", "Cs"), "a control, or half a sign"
        assert unicodedata.bidirectional(sign) not in TURNING


@pytest.fixture
def data(tmp_path: Path, sqlite_template: Path) -> Iterator[Path]:
    """A DATA_DIR in which every title is also a name, a sentence and a summary."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    (folder / "meeting.db").write_bytes(sqlite_template.read_bytes())
    rows = Database(f"sqlite:///{folder / 'meeting.db'}", [TEACHER], Clock())
    for number, title in enumerate(TITLES):
        people = (stay("王老师"), stay(title or "–"))
        rows.recordings.upsert([meta(number, subject=title, participants=people)])
        place = rows.reading.find(meta(number).key.record_id)
        assert place is not None
        rows.recordings.save(place, minutes(text=title))
    rows.stats.rebuild()
    rows.close()
    yield folder


@pytest.mark.slow
@pytest.mark.parametrize("command", ["status --limit 0", "stats", "show 11", "show 12"])
def test_security_12_no_command_lets_a_title_steer_the_terminal(command: str, data: Path) -> None:
    environment = {"DATA_DIR": str(data), "MEETING_FOLDER": str(data.parent), "PYTHONUTF8": "1"}
    shown = meeting(*command.split(), env=environment)
    assert (shown.code, steering(shown.out)) == (0, set()), shown.err
    told = meeting(*command.split(), "--json", env=environment)
    assert steering(told.out) <= {"\n"}
    if command.startswith("status"):
        assert sorted(one["subject"] for one in told.document["recordings"]) == sorted(TITLES)
        assert "[bold red]markup[/]" in shown.out
