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
        last_run: None before the first run.
    """

    recordings: tuple[RecordingView, ...]
    counts: Mapping[RecordStatus, int]
    last_run: RunView | None


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
        return Status(rows.reading.recordings(wanted), rows.reading.counts(), last_run)
