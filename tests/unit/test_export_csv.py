"""Cells that a spreadsheet shows as they are."""

import csv
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting_pipeline.domain.display import strip_control_characters_by_line
from meeting_pipeline.reporting.csv import COLUMNS, cell, csv_pieces
from tests.support.exported import SHANGHAI, acts, changes_as_a_number, exported, sheet

TEXTS = ("subject", "teachers", "student_ids", "students", "summary", "transcript")
NASTY = st.text(st.sampled_from("=+-@\t\r\n '\",;|!\x00\u200b\u202e＝０1e.好")) | st.text()


def written(*texts: str) -> list[dict[str, str]]:
    rows = (exported(text) for text in texts)
    return sheet("".join(csv_pieces(rows, SHANGHAI, transcripts=True)))


def read_back(shown: str) -> str:
    return re.sub(r"([;\n][\s\"']*)'(?=[=+\-@＝＋－＠])", r"\1", shown.removeprefix("'"))


def test_a_row_has_times_of_here_and_of_utc_and_ids_with_all_their_digits() -> None:
    [row] = written("简历")
    assert list(row) == [*COLUMNS, "transcript"]
    assert (row["start_ts"], row["start_utc"]) == ("2026-01-05 19:30:00", "2026-01-05 11:30:00")
    assert (row["id"], row["duration_s"], row["participants_known"]) == ("7", "3600", "true")
    assert row["record_id"] == "'18446744073709550001"
    assert row["meeting_code"] == "445 999 969"
    assert (row["phase"], row["status"], row["skip_reason"]) == ("简历优化", "done", "")
    assert (row["students"], row["summary"]) == ("简历; 简历", "简历")


def test_transcripts_are_there_only_when_they_are_asked_for() -> None:
    text = "".join(csv_pieces([exported()], SHANGHAI, transcripts=False))
    assert list(sheet(text)[0]) == list(COLUMNS)


def test_without_recordings_there_is_a_head_line() -> None:
    assert (
        "".join(csv_pieces([], SHANGHAI, transcripts=False))
        == "\ufeff" + ",".join(COLUMNS) + "\r\n"
    )


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1+1", "'+1+1"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "' =1"),
        ("\r=1", "'\n'=1"),
        ("\x00=1", "' =1"),
        ("\u200b\u202e=1", "'  =1"),
        ("＝1+1", "'＝1+1"),
        ("'=1", "''=1"),
        ("18446744073709550001", "'18446744073709550001"),
        ("007", "'007"),
        ("12e4", "'12e4"),
        ("1.5", "1.5"),
        ("123456789012345", "123456789012345"),
        ("a=b", "a=b"),
        ("a;=1+1", "a;'=1+1"),
        ('a; "＝1"', 'a; "\'＝1"'),
        ("a;'@b", "a;''@b"),
        ("好\n-1", "好\n'-1"),
        ('说：“好”，"好"', '说：“好”，"好"'),
        ("", ""),
    ],
)
def test_security_12_a_cell_is_shown_as_it_is(said: str, shown: str) -> None:
    assert cell(said) == shown
    [row] = written(said)
    assert row["subject"] == shown


@settings(max_examples=300, deadline=None)
@given(NASTY, NASTY)
def test_security_12_any_text_comes_back_and_no_cell_is_a_formula(first: str, second: str) -> None:
    rows = written(first, second)
    assert len(rows) == 2
    for row, text in zip(rows, (first, second), strict=True):
        assert None not in row, "more cells than columns"
        assert not [shown for shown in row.values() if acts(shown)]
        assert not [shown for shown in row.values() if changes_as_a_number(shown)]
        for name in set(TEXTS) - {"students"}:
            assert read_back(row[name]) == strip_control_characters_by_line(text)
        assert read_back(row["students"]) == strip_control_characters_by_line(f"{text}; {text}")


@settings(max_examples=100, deadline=None)
@given(NASTY)
def test_lines_end_as_the_standard_says(text: str) -> None:
    made = "".join(csv_pieces([exported(text)], SHANGHAI, transcripts=True))
    assert made.endswith("\r\n")
    assert made.count("\r") == 2, "one after each record, none inside"
    made.encode()


@settings(max_examples=300, deadline=None)
@given(NASTY, NASTY)
def test_security_12_no_cell_is_a_formula_where_semicolons_separate(
    first: str, second: str
) -> None:
    rows = (exported(text) for text in (first, f"{first};{second}"))
    text = "".join(csv_pieces(rows, SHANGHAI, transcripts=True)).removeprefix("\ufeff")
    found = csv.reader(text.splitlines(), delimiter=";")
    assert [cell for row in found for cell in row if acts(cell)] == []
