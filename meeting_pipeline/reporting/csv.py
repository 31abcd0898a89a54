"""Recordings as CSV (RFC 4180) that a spreadsheet shows as it is and reads no formula from."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from zoneinfo import ZoneInfo

from meeting_pipeline.domain.display import strip_control_characters_by_line
from meeting_pipeline.domain.views import ExportedRecording
from meeting_pipeline.reporting.times import to_second

COLUMNS = (
    *("id", "source", "record_id", "meeting_id", "meeting_code", "subject"),
    *("teacher_id", "teachers", "student_ids", "students", "participants_known"),
    *("start_ts", "start_utc", "end_ts", "duration_s", "status", "skip_reason", "phase"),
    "summary",
)
BYTE_ORDER_MARK = "\ufeff"
"""The sign by which Excel recognizes UTF-8."""
HEADERS = tuple(
    f"{BYTE_ORDER_MARK}{','.join(columns)}\r\n".encode()
    for columns in (COLUMNS, (*COLUMNS, "transcript"))
)
"""The lines that a sheet of ours begins with."""

_UTC = ZoneInfo("UTC")
_FORMULA = re.compile(r"[=+\-@＝＋－＠]")
_INNER_FORMULA = re.compile(r"([;\n][\s\"']*)(?=[=+\-@＝＋－＠])")
_NUMBER = re.compile(r"[.,]*\d[\d.,]*(?:[eE]\d+)?")
# A spreadsheet keeps fifteen digits of a number and drops zeros before it.
_EXACT_NUMBER = re.compile(r"(?=[\d.]{1,16}$)(?:0|[1-9]\d{0,14})(?:\.\d+)?", re.ASCII)
_AS_TEXT = "'"


class _Echo:
    """A file for `csv.writer` that returns the line it is given."""

    def write(self, line: str) -> str:
        return line


def csv_pieces(
    recordings: Iterable[ExportedRecording], zone: ZoneInfo, *, transcripts: bool
) -> Iterator[str]:
    """Yield a header line, then one line for each recording.

    Times have no offset, because spreadsheets do not read one: start_ts and end_ts are in `zone`,
    start_utc is in UTC. Lists are joined by "; ".

    Args:
        recordings: The recordings, read one by one.
        zone: The configured time zone.
        transcripts: Whether there is a column "transcript".
    """
    columns = (*COLUMNS, "transcript") if transcripts else COLUMNS
    line = csv.writer(_Echo()).writerow
    yield BYTE_ORDER_MARK + str(line(columns))
    for recording in recordings:
        texts = _texts(recording, zone)
        yield str(line([cell(texts[name]) for name in columns]))


def cell(text: str) -> str:
    """Return a text as the cell that a spreadsheet shows unchanged.

    An apostrophe is put before a formula, before a number that would lose digits (ids!), and before
    a text that begins with an apostrophe itself: a reader who removes one leading apostrophe has
    the text again. Control characters become blanks. Where a spreadsheet separates by semicolons,
    cells begin inside the text, too: a formula after a semicolon or a line break gets an
    apostrophe as well.
    """
    shown = _INNER_FORMULA.sub(rf"\1{_AS_TEXT}", strip_control_characters_by_line(text))
    begins = shown.lstrip()
    acts = _FORMULA.match(begins) or shown.startswith(("\n", _AS_TEXT))
    return _AS_TEXT + shown if acts or _loses_digits(begins.rstrip()) else shown


def _loses_digits(word: str) -> bool:
    """Return whether a spreadsheet reads a number and shows a different one."""
    return bool(_NUMBER.fullmatch(word)) and not _EXACT_NUMBER.fullmatch(word)


def _texts(exported: ExportedRecording, zone: ZoneInfo) -> Mapping[str, str]:
    """Return the text of every column of a line."""
    recording = exported.recording
    duration_s = recording.duration_s
    return {
        "id": str(recording.id),
        "source": recording.source,
        "record_id": recording.record_id,
        "meeting_id": recording.meeting_id or "",
        "meeting_code": recording.meeting_code or "",
        "subject": recording.subject,
        "teacher_id": recording.teacher_id or "",
        "teachers": "; ".join(exported.teachers),
        "student_ids": "; ".join(recording.student_ids),
        "students": "; ".join(exported.students),
        "participants_known": "true" if recording.participants_known else "false",
        "start_ts": to_second(recording.start_ts, zone),
        "start_utc": to_second(recording.start_ts, _UTC),
        "end_ts": to_second(recording.end_ts, zone),
        "duration_s": "" if duration_s is None else f"{duration_s:.15g}",
        "status": recording.status.value,
        "skip_reason": recording.remark or "",
        "phase": recording.phase or "",
        "summary": exported.summary or "",
        "transcript": exported.transcript or "",
    }
