"""Recordings to export, and how a browser and a spreadsheet read what came of it."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.domain.views import ExportedRecording, RecordingView
from meeting_pipeline.reporting.csv import BYTE_ORDER_MARK
from meeting_pipeline.reporting.documents import Document, exported_document
from tests.support.rows import MONDAY

SHANGHAI = ZoneInfo("Asia/Shanghai")
VOID = ("meta",)
FORMULAS = tuple("=+-@\t\r＝＋－＠")


def exported(texts: str = "好", transcript: str | None = None, **changes: Any) -> ExportedRecording:
    """A finished lesson in which every text is `texts`; changes: of the recording itself."""
    known: dict[str, Any] = {
        "id": 7,
        "source": "tencent",
        "record_id": "18446744073709550001",
        "meeting_id": "14011058192707482917",
        "meeting_code": "445 999 969",
        "subject": texts,
        "teacher_id": "id_王老师",
        "start_ts": MONDAY,
        "end_ts": MONDAY,
        "duration_s": 3600.0,
        "student_ids": (texts,),
        "participants_known": True,
        "notes": (),
        "status": RecordStatus.DONE,
        "phase": Phase.RESUME,
        "skip_reason": None,
        "next_attempt_at": None,
        "stages": {},
    }
    view = RecordingView(**{**known, **changes})
    return ExportedRecording(view, (texts,), (texts, texts), texts, transcript or texts)


def document(one: ExportedRecording, *, transcripts: bool = True) -> Document:
    """Return its JSON document, in Shanghai."""
    return exported_document(one, SHANGHAI, transcripts=transcripts)


# ── as a spreadsheet reads it ────────────────────────────────────────────────────────────────────


def sheet(text: str) -> list[dict[str, str]]:
    """The rows of a CSV file, by the names in its first line."""
    assert text.startswith(BYTE_ORDER_MARK)
    return list(csv.DictReader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK), newline="")))


def acts(shown: str) -> bool:
    """Whether a spreadsheet may read a formula in this cell: unseen signs are skipped."""
    seen = [sign for sign in shown if not sign.isspace() and unicodedata.category(sign)[0] != "C"]
    return shown.startswith(FORMULAS) or (bool(seen) and seen[0] in FORMULAS)


def changes_as_a_number(shown: str) -> bool:
    """Whether a spreadsheet reads a number here that it does not show again as it was."""
    word = shown.strip()
    if not re.fullmatch(r"\d+(\.\d+)?([eE]\d+)?", word):
        return False
    return not re.fullmatch(r"(0|[1-9]\d*)(\.\d+)?", word) or sum(map(str.isdigit, word)) > 15


# ── as a browser reads it ────────────────────────────────────────────────────────────────────────


@dataclass
class Page:
    """elements: each start tag with its attributes, in order. texts: (element, what it shows)."""

    elements: list[tuple[str, tuple[tuple[str, str | None], ...]]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)

    def shown_in(self, *elements: str) -> list[str]:
        """What these elements show, in order."""
        return [text for element, text in self.texts if element in elements]


class _Browser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.elements.append((tag, tuple(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if data.strip() or inside in ("h2", "dd", "p"):
            self.page.texts.append((inside, data))

    def handle_comment(self, data: str) -> None:
        self.page.beside.append(data)

    def handle_pi(self, data: str) -> None:
        self.page.beside.append(data)

    def unknown_decl(self, data: str) -> None:
        self.page.beside.append(data)


def page(pieces: Iterable[str]) -> Page:
    """What is on it; every element that is opened is closed."""
    browser = _Browser()
    browser.feed("".join(pieces))
    browser.close()
    assert browser._open == []
    return browser.page
