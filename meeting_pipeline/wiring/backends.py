"""Back ends, made from the rows of `settings.backends` that the settings choose."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from meeting_pipeline.adapters.downloads.local_file import LocalFileDownloader
from meeting_pipeline.ports.services import Summarizer
from meeting_pipeline.ports.sources import Downloader, RecordingSource, ServiceClock
from meeting_pipeline.settings.backends import DOWNLOADERS, SOURCES, SUMMARIZERS, BackendSpec

if TYPE_CHECKING:  # commands that only want the time of day do without decoders and HTTP
    from meeting_pipeline.wiring.context import BackendContext


def make(row: BackendSpec, context: "BackendContext", *others: object) -> Any:
    """Make a back end, and load what it needs.

    Args:
        row: Of its table.
        context: What it is made from.
        others: What it is given besides: the source, for the transcripts that the source has.
    """
    return resolve_name(row.make)(context, *others)


def make_source(context: "BackendContext") -> RecordingSource:
    """Make the source in use (MEETING_SOURCE)."""
    source: RecordingSource = make(SOURCES.chosen(context.settings), context)
    return source


def make_downloader(context: "BackendContext") -> Downloader:
    """Make what downloads the media of the source in use (DOWNLOADER)."""
    if context.settings.source_name == "folder":
        return LocalFileDownloader()
    downloader: Downloader = make(DOWNLOADERS.chosen(context.settings), context)
    return downloader


def make_summarizer(context: "BackendContext") -> Summarizer:
    """Make the summarizer in use (LLM_BACKEND)."""
    summarizer: Summarizer = make(SUMMARIZERS.chosen(context.settings), context)
    return summarizer


def utc_now() -> datetime:
    """Return the time of this machine's clock, which may be wrong: see `source_clock`."""
    return datetime.fromtimestamp(time.time(), UTC)


def source_clock(source: RecordingSource) -> Callable[[], datetime]:
    """Return the clock that dates the recordings of a source: its own, else this machine's."""
    return source.now if isinstance(source, ServiceClock) else utc_now
