"""Exports of recordings, written one by one; a file is complete or does not exist."""

import os
from collections.abc import Iterable, Iterator
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
from meeting_pipeline.reporting.recognized import JSON_CLOSING, JSON_OPENING, is_export
from meeting_pipeline.storage.files import disk_full, is_full
from meeting_pipeline.storage.operator_files import opened_regular, replacing


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
    """Write the pieces to a file that only its owner can read, and return its size in bytes.

    An older export there is replaced, nothing else is. When the process is killed, the target is
    what it was before.

    Args:
        pieces: The text of the export.
        target: The file.

    Raises:
        UsageError: ("no_such_folder", "not_a_file", "not_an_export") for the target.
        FatalError: ("disk_full", "export_failed") when it cannot be written.
    """
    size_bytes = 0
    try:
        with replacing(target, lambda: check_replaceable(target)) as (_, stream):
            for piece in pieces:
                size_bytes += stream.write(piece.encode())
    except OSError as error:
        if is_full(error):
            raise disk_full(f"no space left to write {target}") from error
        what = f"{target} cannot be written: {error.strerror}"
        hint = "make its folder writable, or name another file"
        raise FatalError("export_failed", what, hint=hint) from error
    return size_bytes


def check_replaceable(target: Path) -> None:
    """Check that a file can be made there, where nothing but an export is replaced.

    Args:
        target: The file.

    Raises:
        UsageError: "no_such_folder", "not_a_file" or "not_an_export".
    """
    if not target.parent.is_dir():
        hint = "create it, or name another one"
        raise UsageError("no_such_folder", f"the folder {target.parent} does not exist", hint=hint)
    if not os.path.lexists(target):
        return
    hint = "name another file; --output - is standard output"
    with opened_regular(target) as stream:
        if stream is None:
            raise UsageError("not_a_file", f"{target} is not a regular file", hint=hint)
        is_own = is_export(stream)
    if not is_own:
        raise UsageError("not_an_export", f"{target} exists and is not an export", hint=hint)


def _document(rows: Iterable[Document]) -> Iterator[str]:
    """Yield one JSON document with one recording per line."""
    yield JSON_OPENING
    between = "\n"
    for row in rows:
        yield between + json_text(row)
        between = ",\n"
    yield f"\n{JSON_CLOSING}\n"


def _lines(rows: Iterable[Document]) -> Iterator[str]:
    return (json_text(row) + "\n" for row in rows)
