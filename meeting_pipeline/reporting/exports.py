"""Recordings written for programs and for people, one by one; a file is whole or not there."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from meeting_pipeline.domain.display import json_text
from meeting_pipeline.domain.enums import ExportFormat
from meeting_pipeline.domain.views import ExportedRecording
from meeting_pipeline.errors import FatalError, UsageError
from meeting_pipeline.reporting import csv, html
from meeting_pipeline.reporting.documents import Document, exported_document
from meeting_pipeline.storage.files import create, disk_full, is_full, publish

_JSON_OPENING = '{"recordings": ['
_OPENINGS = (csv.OPENING, html.OPENING, _JSON_OPENING, '{"id": "')
"""How what we have written begins."""


@dataclass
class Export:
    """One export, written piece by piece.

    Attributes:
        form: How it is written.
        zone: The zone of its times.
        transcripts: Whether it holds transcripts.
        count: How many recordings have been written so far.
    """

    form: ExportFormat
    zone: ZoneInfo
    transcripts: bool = False
    count: int = 0

    def pieces(self, recordings: Iterable[ExportedRecording], now: datetime) -> Iterator[str]:
        """Yield the text of the export; no more than one recording is in memory.

        Args:
            recordings: The recordings, read one by one.
            now: The aware time of the export.
        """
        counted = self._counted(recordings)
        if self.form is ExportFormat.CSV:
            return csv.csv_pieces(counted, self.zone, transcripts=self.transcripts)
        if self.form is ExportFormat.HTML:
            return html.html_pieces(counted, self.zone, now)
        rows = (exported_document(one, self.zone, transcripts=self.transcripts) for one in counted)
        return _document(rows) if self.form is ExportFormat.JSON else _lines(rows)

    def _counted(self, recordings: Iterable[ExportedRecording]) -> Iterator[ExportedRecording]:
        for recording in recordings:
            self.count += 1
            yield recording


def save(pieces: Iterable[str], target: Path) -> int:
    """Write the pieces to `target`, for its owner only; returns its size in bytes.

    An older export there is replaced, anything else is not. Killed at any point, `target` is what
    it was before. Raises UsageError("no_such_folder", "not_a_file", "not_an_export"),
    FatalError("disk_full", "export_failed").
    """
    part = target.with_name(f"{target.name}.part") if target.name else target
    try:
        _refuse_anything_else(target)
        with create(part) as stream:
            for piece in pieces:
                stream.write(piece.encode())
        publish(part, target)
        return target.stat().st_size
    except OSError as error:
        if is_full(error):
            raise disk_full(f"no space left to write {target}") from error
        what = f"{target} cannot be written: {error.strerror}"
        hint = "see whether its folder may be written to, or name another file"
        raise FatalError("export_failed", what, hint=hint) from error
    except BaseException:  # what is half-written is private, and nobody would find it
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _refuse_anything_else(target: Path) -> None:
    if not target.parent.is_dir():
        hint = "make it first, or name another one"
        raise UsageError("no_such_folder", f"there is no folder {target.parent}", hint=hint)
    if not os.path.lexists(target):
        return
    hint = "name another file; --output - is standard output"
    if not stat.S_ISREG(target.lstat().st_mode):
        raise UsageError("not_a_file", f"{target} is no regular file", hint=hint)
    longest = max(len(opening.encode()) for opening in _OPENINGS)
    with target.open("rb") as stream:
        begins = stream.read(longest)
    if begins and not any(begins.startswith(opening.encode()) for opening in _OPENINGS):
        raise UsageError("not_an_export", f"{target} is there, and is no export", hint=hint)


def _document(rows: Iterable[Document]) -> Iterator[str]:
    """One document, a recording a line."""
    yield _JSON_OPENING
    between = "\n"
    for row in rows:
        yield between + json_text(row)
        between = ",\n"
    yield "\n]}\n"


def _lines(rows: Iterable[Document]) -> Iterator[str]:
    return (json_text(row) + "\n" for row in rows)
