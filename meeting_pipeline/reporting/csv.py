"""Recordings as CSV (RFC 4180) that a spreadsheet shows as it is and reads no formula out of."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from meeting_pipeline.domain.display import strip_control_characters_by_line

COLUMNS = (
    *("id", "source", "record_id", "meeting_id", "meeting_code", "subject"),
    *("teacher_id", "teachers", "student_ids", "students", "participants_known"),
    *("start_ts", "start_utc", "end_ts", "duration_s", "status", "skip_reason", "phase"),
    "summary",
)
BYTE_ORDER_MARK = "\ufeff"
"""By it Excel knows UTF-8."""
OPENING = f"{BYTE_ORDER_MARK}id,source,"

_TIMES = ("start_ts", "start_utc", "end_ts")
_FORMULA = re.compile(r"[=+\-@＝＋－＠]")
_NUMBER = re.compile(r"[.,]*\d[\d.,]*(?:[eE]\d+)?")
_KEPT_NUMBER = re.compile(r"(?=[\d.]{1,16}$)(?:0|[1-9]\d{0,14})(?:\.\d+)?", re.ASCII)
"""A spreadsheet keeps fifteen digits of a number, and no zeros before it."""
_AS_TEXT = "'"


class _Echo:
    """Gives back what is written to it."""

    def write(self, line: str) -> str:
        return line


def csv_pieces(recordings: Iterable[Mapping[str, Any]], *, transcripts: bool) -> Iterator[str]:
    """A head line, then a line for each of `documents.exported_document`.

    Times are without their offset, which spreadsheets do not read: start_ts and end_ts in the
    configured zone, start_utc in UTC. Lists are joined by "; ".
    """
    columns = (*COLUMNS, "transcript") if transcripts else COLUMNS
    line = csv.writer(_Echo()).writerow
    yield BYTE_ORDER_MARK + str(line(columns))
    for recording in recordings:
        yield str(line([cell(_written(name, recording[name])) for name in columns]))


def cell(text: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would not show it as it is.

    That is a formula, a number that would lose digits (ids!), and what begins with an apostrophe
    itself: so whoever takes one away where there is one has the text again. Signs that steer are
    blanks.
    """
    shown = strip_control_characters_by_line(text)
    begins = shown.lstrip()
    acts = _FORMULA.match(begins) or shown.startswith(("\n", _AS_TEXT))
    return _AS_TEXT + shown if acts or _loses_digits(begins.rstrip()) else shown


def _loses_digits(word: str) -> bool:
    """Whether a spreadsheet reads a number, and shows another one."""
    return bool(_NUMBER.fullmatch(word)) and not _KEPT_NUMBER.fullmatch(word)


def _written(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in _TIMES:
        return str(value)[:19].replace("T", " ")
    if isinstance(value, list):
        return "; ".join(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.15g}" if isinstance(value, float) else str(value)
