"""The incremental night: everything new since the last complete listing, and everything due."""

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
_CLOCKS_DIFFER = timedelta(minutes=10)  # twice the difference of clocks that Tencent accepts
_LEAST_LOOK_BACK = timedelta(seconds=1)  # so that a window is never empty while clocks are right


def night(
    settings: Settings, observer: RunObserver, max_runtime_s: float | None = None
) -> RunReport:
    """Process everything new since the last complete listing, and everything due from before.

    The watermark moves only after a complete listing. The window looks back behind it, because
    recordings appear hours or days after their meeting. Both go by the clock of the source.

    Args:
        settings: The installation.
        observer: Told of everything that happens in the run.
        max_runtime_s: Seconds after which nothing more begins; None for the setting MAX_RUNTIME.

    Raises:
        Busy: Another run is at work.
        ConfigError: A setting does not work.
        FatalError: No run can begin.
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
    """Store how far the source is known, unless the watermark was set by hand meanwhile."""
    until = _known_until(window, pipeline)
    if not pipeline.runs.move_watermark(source, until, was=known_until):
        log.warning(
            "the watermark of %s was changed during this night and is kept as it was set", source
        )


def _known_until(window: Window, pipeline: Pipeline) -> datetime:
    """Return the end of the window, or the start of the oldest recording that is not finished.

    A recording that has not been finished for `LONGEST_WAIT` is not waited for.
    """
    end = min(window.end, backends.source_clock(pipeline.source)())
    oldest = max(pipeline.source.oldest_waiting or end, end - LONGEST_WAIT)
    return min(end, oldest)


def _window(settings: Settings, pipeline: Pipeline, known_until: datetime | None) -> Window:
    now = backends.source_clock(pipeline.source)()
    if settings.source_name == "folder":
        return Window(_EVER, now)  # old recordings may be added at any time, and listing is cheap
    look_back = max(timedelta(days=settings.tencent.lookback_days), _LEAST_LOOK_BACK)
    if known_until is not None and known_until > now + _CLOCKS_DIFFER:
        return Window(_start_without(known_until, pipeline, now, look_back), now)
    return Window(min(known_until or now, now) - look_back, now)


def _start_without(
    watermark: datetime, pipeline: Pipeline, now: datetime, look_back: timedelta
) -> datetime:
    """Warn that the watermark is wrong, and return the start of the listing instead."""
    nights = [one for one in pipeline.runs.listings(_COMMAND) if one.window.start != _EVER]
    start = start_without_watermark(nights, watermark, now, look_back)
    log.warning(
        "the watermark %s is in the future: a clock was ahead, or the watermark was set by hand. "
        "This night does not use it and lists from %s on",
        watermark.isoformat(" ", "minutes"),
        start.isoformat(" ", "minutes"),
    )
    return start
