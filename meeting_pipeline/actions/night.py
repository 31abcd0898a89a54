"""One incremental night: lock, window, batch, statistics, report."""

import logging
from datetime import UTC, datetime, timedelta

from meeting_pipeline.domain.stages import RunReport, RunRequest
from meeting_pipeline.domain.watermark import LONGEST_WAIT, start_without_watermark
from meeting_pipeline.domain.window import Window
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.run.pipeline import Pipeline
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.wiring import backends, run, stores

log = logging.getLogger(__name__)

_COMMAND = "cron"
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER = timedelta(minutes=10)  # twice what Tencent lets a clock differ from its own
_LEAST_LOOK_BACK = timedelta(seconds=1)  # so that no window of a right clock is empty


def night(
    settings: Settings, observer: RunObserver, max_runtime_s: float | None = None
) -> RunReport:
    """Everything new since the last complete listing, and everything that is due from before.

    The watermark moves only after a complete listing; the window looks back behind it, because
    recordings appear hours or days after their meeting. Both are made with the source's clock.
    max_runtime_s: begin nothing after so many seconds; None for what the settings say.
    Raises Busy when another run is at work.
    """
    with (
        stores.lock(settings, _COMMAND) as held,
        run.pipeline(settings, observer, None, held, max_runtime_s) as pipeline,
    ):
        known_until = pipeline.runs.watermark(settings.source_name)
        window = _window(settings, pipeline, known_until)
        report = pipeline.run(RunRequest(_COMMAND, window, everywhere=True))
        if report.listing_complete:
            _move_watermark(settings.source_name, pipeline, window, known_until)
    return report


def _move_watermark(
    source: str, pipeline: Pipeline, window: Window, known_until: datetime | None
) -> None:
    """Note how far the source is known, unless the watermark was set by hand meanwhile."""
    until = _known_until(window, pipeline)
    if not pipeline.runs.move_watermark(source, until, was=known_until):
        log.warning("the watermark of %s was changed during this night and stays so", source)


def _known_until(window: Window, pipeline: Pipeline) -> datetime:
    """Before the oldest recording that is not finished, unless it never will be."""
    end = min(window.end, backends.source_clock(pipeline.source)())
    oldest = max(pipeline.source.oldest_waiting or end, end - LONGEST_WAIT)
    return min(end, oldest)


def _window(settings: Settings, pipeline: Pipeline, known_until: datetime | None) -> Window:
    now = backends.source_clock(pipeline.source)()
    if settings.source_name == "folder":
        return Window(_EVER, now)  # an old recording may be dropped in today; listing costs little
    look_back = max(timedelta(days=settings.tencent.lookback_days), _LEAST_LOOK_BACK)
    if known_until is not None and known_until > now + _CLOCKS_DIFFER:
        return Window(_start_without(known_until, pipeline, now, look_back), now)
    return Window(min(known_until or now, now) - look_back, now)


def _start_without(
    watermark: datetime, pipeline: Pipeline, now: datetime, look_back: timedelta
) -> datetime:
    """Say that the watermark is wrong, and return where the listing begins instead."""
    nights = [one for one in pipeline.runs.listings(_COMMAND) if one.window.start != _EVER]
    start = start_without_watermark(nights, watermark, now, look_back)
    log.warning(
        "the watermark says that everything until %s is known, which is in the future: a clock ran "
        "ahead, or it was set by hand. It is not used: this night lists from %s on",
        watermark.isoformat(" ", "minutes"),
        start.isoformat(" ", "minutes"),
    )
    return start
