"""An overview of recordings and of the last run."""

from collections.abc import Mapping
from dataclasses import dataclass

from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.domain.views import RecordingFilter, RecordingView, RunView
from meeting_pipeline.domain.window import parse_moment
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.wiring import backends, stores


@dataclass(frozen=True)
class Status:
    """The recordings that match, and the state of the installation.

    Attributes:
        recordings: Newest start first.
        counts: How many recordings have each status, whichever match.
        total: How many recordings match, also beyond the limit.
        last_run: None before the first run.
        is_running: Whether the last run is at work; without an end it was killed otherwise.
    """

    recordings: tuple[RecordingView, ...]
    counts: Mapping[RecordStatus, int]
    total: int
    last_run: RunView | None
    is_running: bool


def status(
    settings: Settings,
    *,
    failed: bool = False,
    due: bool = False,
    since: str | None = None,
    student: str | None = None,
    limit: int | None = None,
) -> Status:
    """Return the recordings that match, newest first.

    Args:
        settings: The installation.
        failed: Failed or dead recordings only.
        due: Recordings with something to do now only.
        since: Recordings that started then or later ("7d", "2026-01-05").
        student: The id or a name of a student.
        limit: The largest number of recordings; None for all.

    Raises:
        UsageError: ("bad_time") when `since` cannot be read.
        FatalError: The database refuses.
    """
    start = parse_moment(since, backends.utc_now(), settings.source.zone) if since else None
    wanted = RecordingFilter(failed, due, start, student, limit=limit)
    with stores.stored(settings) as rows:
        last_run = next(iter(rows.reading.runs(1)), None)
        found = rows.reading.recordings(wanted)
        total = len(found) if limit is None or len(found) < limit else rows.reading.count(wanted)
        counts = rows.reading.counts()
    is_open = last_run is not None and last_run.finished_at is None
    return Status(found, counts, total, last_run, is_open and stores.is_at_work(settings))
