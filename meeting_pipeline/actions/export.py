"""Exports of recordings, as text to pass on or as a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from meeting_pipeline.domain.enums import ExportFormat, Phase
from meeting_pipeline.domain.views import RecordingFilter
from meeting_pipeline.domain.window import parse_moment, parse_window
from meeting_pipeline.reporting.exports import Export, save
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.wiring import backends, stores


@dataclass(frozen=True)
class ExportRequest:
    """Which recordings to export, and how; a field that is not set does not restrict.

    Attributes:
        form: How the export is written.
        student: The id or a name of a student.
        since: Recordings that started then or later ("30d", "2026-01-05").
        until: Recordings that started before then; a date is included.
        phase: Recordings in this phase.
        transcripts: Whether the export holds transcripts.
    """

    form: ExportFormat
    student: str | None = None
    since: str | None = None
    until: str | None = None
    phase: Phase | None = None
    transcripts: bool = False


@dataclass(frozen=True)
class ExportedFile:
    """A finished export."""

    path: Path
    form: ExportFormat
    recordings: int
    size_bytes: int


def export_pieces(settings: Settings, request: ExportRequest) -> Iterator[str]:
    """Yield an export piece by piece, while the database is open.

    Args:
        settings: The installation.
        request: Which recordings, and how they are written.

    Raises:
        UsageError: ("bad_time") when a time cannot be read.
        FatalError: The database refuses.
    """
    with _opened(settings, request) as (_, pieces):
        yield from pieces


def export_to_file(settings: Settings, request: ExportRequest, target: Path) -> ExportedFile:
    """Write an export to a file for its owner only; an older export there is replaced.

    Args:
        settings: The installation.
        request: Which recordings, and how they are written.
        target: The file; nothing but an export is replaced.

    Raises:
        UsageError: ("bad_time") when a time cannot be read.
        UsageError: ("no_such_folder", "not_a_file", "not_an_export") for the target.
        FatalError: ("disk_full", "export_failed"), or the database refuses.
    """
    with _opened(settings, request) as (export, pieces):
        size_bytes = save(pieces, target)
    return ExportedFile(target, request.form, export.count, size_bytes)


@contextmanager
def _opened(settings: Settings, request: ExportRequest) -> Iterator[tuple[Export, Iterator[str]]]:
    now = backends.utc_now()
    start, end = _span(settings, request, now)
    wanted = RecordingFilter(since=start, until=end, student=request.student, phase=request.phase)
    export = Export(request.form, settings.source.zone, request.transcripts)
    with stores.stored(settings) as rows:
        recordings = rows.exporting.recordings(wanted, transcripts=request.transcripts)
        yield export, export.pieces(recordings, now)


def _span(
    settings: Settings, request: ExportRequest, now: datetime
) -> tuple[datetime | None, datetime | None]:
    since, until, zone = request.since, request.until, settings.source.zone
    if since and until:
        window = parse_window(since, until, now, zone)
        return window.start, window.end
    start = parse_moment(since, now, zone) if since else None
    return start, parse_moment(until, now, zone, end=True) if until else None
