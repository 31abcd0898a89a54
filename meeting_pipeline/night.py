"""One incremental night: lock, window, batch, statistics, report."""

from datetime import UTC, datetime, timedelta

from meeting_pipeline import assembly, backends, wiring
from meeting_pipeline.config import Settings
from meeting_pipeline.domain.stages import Order, RunReport
from meeting_pipeline.domain.window import Window
from meeting_pipeline.events import RunObserver
from meeting_pipeline.pipeline import Pipeline

_LONGEST_WAIT = timedelta(days=31)  # Tencent keeps a listing no further back in one call
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def night(
    settings: Settings, observer: RunObserver, max_runtime_s: float | None = None
) -> RunReport:
    """Everything new since the last complete listing, and everything that is due from before.

    The watermark moves only after a complete listing; the window looks back behind it, because
    recordings appear hours or days after their meeting. max_runtime_s: begin nothing after so many
    seconds; None for what the settings say. Raises Busy when another run is at work.
    """
    with (
        wiring.lock(settings, "cron") as held,
        assembly.pipeline(settings, observer, None, held, max_runtime_s) as pipeline,
    ):
        window = _window(settings, pipeline)
        report = pipeline.run(Order("cron", window, everywhere=True))
        if report.listing_complete:
            pipeline.runs.set_watermark(settings.source_name, _known_until(window, pipeline))
    return report


def _known_until(window: Window, pipeline: Pipeline) -> datetime:
    """Before the oldest recording that is not finished, unless it never will be."""
    oldest = max(pipeline.source.oldest_waiting or window.end, window.end - _LONGEST_WAIT)
    return min(window.end, oldest)


def _window(settings: Settings, pipeline: Pipeline) -> Window:
    now = backends.utc_now()
    if settings.source_name == "folder":
        return Window(_EVER, now)  # an old recording may be dropped in today; listing costs little
    known_until = pipeline.runs.watermark(settings.source_name) or now
    return Window(known_until - timedelta(days=settings.tencent.lookback_days), now)
