"""A run over a window of time, as `run`, `run-range` and the commands of single stages start it."""

from dataclasses import dataclass

from meeting_pipeline.domain.stages import RunReport, RunRequest, StageName
from meeting_pipeline.domain.window import parse_moment, parse_window
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.ports.rows import RunPlan
from meeting_pipeline.run.pipeline import Pipeline
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.wiring import backends, run, stores


@dataclass(frozen=True)
class WindowRequest:
    """What to list, and how far to process what is due in it.

    Start and end stay text until the source's clock is known, which "7d" is counted from.

    Attributes:
        command: The command, for the run's row and as lock holder.
        since: Start of the window ("7d", "2026-01-05"); None for TQM_LOOKBACK_DAYS ago.
        until: End of the window; a date is included; None for now.
        limit: The largest number of records to process; None for all.
        jobs: Records in flight; None for the setting JOBS.
        stage: The last stage to run; None for all stages.
        work: Whether due records are processed; False only lists.
        max_runtime_s: Seconds after which nothing more begins; None for the setting MAX_RUNTIME.
    """

    command: str
    since: str | None
    until: str | None
    limit: int | None = None
    jobs: int | None = None
    stage: StageName | None = None
    work: bool = True
    max_runtime_s: float | None = None


def run_window(settings: Settings, request: WindowRequest, observer: RunObserver) -> RunReport:
    """List a window and process what is due in it.

    Args:
        settings: The installation.
        request: The window, and how far to process it.
        observer: Told of everything that happens in the run.

    Raises:
        Busy: Another run is at work.
        UsageError: A time cannot be read.
        ConfigError: A setting does not work.
        FatalError: No run can begin.
    """
    _check_times(settings, request)
    with (
        stores.lock(settings, request.command) as held,
        run.pipeline(settings, observer, request.jobs, held, request.max_runtime_s) as pipeline,
    ):
        return pipeline.run(_order(settings, request, pipeline))


def plan_window(settings: Settings, request: WindowRequest, observer: RunObserver) -> RunPlan:
    """List a window and return what `run_window` would do; no recording becomes a row.

    Where there are no rows yet, nothing is made for it, not even DATA_DIR.

    Args:
        settings: The installation.
        request: The window, and how far to process it.
        observer: Told of the resources in use.

    Raises:
        Busy: Another run is at work.
        UsageError: A time cannot be read.
        ConfigError: A setting does not work.
        FatalError: The source or the database refuses.
    """
    _check_times(settings, request)
    with run.planning_pipeline(settings, request.command, observer, request.jobs) as pipeline:
        return pipeline.plan(_order(settings, request, pipeline))


def _check_times(settings: Settings, request: WindowRequest) -> None:
    """Refuse times that cannot be read, before a lock or a call is made."""
    for text in filter(None, (_since(settings, request), request.until)):
        parse_moment(text, backends.utc_now(), settings.source.zone)


def _order(settings: Settings, request: WindowRequest, pipeline: Pipeline) -> RunRequest:
    now = backends.source_clock(pipeline.source)()
    since, zone = _since(settings, request), settings.source.zone
    window = parse_window(since, request.until, now, zone)
    return RunRequest(request.command, window, request.work, request.stage, limit=request.limit)


def _since(settings: Settings, request: WindowRequest) -> str:
    return request.since or f"{settings.tencent.lookback_days:g}d"
