"""`meeting run`, `meeting run-range`: all stages, from a window of time to rows."""

from typing import Annotated

import typer

from meeting_pipeline.actions.run_window import WindowRequest
from meeting_pipeline.cli.execute import execute
from meeting_pipeline.cli.options import AsJson, DryRun, Jobs, Limit, MaxRuntime, Since, Until


def run(
    context: typer.Context,
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    jobs: Jobs = None,
    max_runtime: MaxRuntime = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """List a window, then process every record in it that is due.

    Without --since it lists the last TQM_LOOKBACK_DAYS days. The watermark of the nightly run does
    not move.
    """
    request = WindowRequest("run", since, until, limit, jobs, max_runtime_s=max_runtime)
    execute(request, dry_run=dry_run, as_json=as_json, watched=context.obj)


def run_range(
    start: Annotated[str, typer.Argument(help="A date, a time or epoch seconds.")],
    end: Annotated[str, typer.Argument(help="A date (included), a time or epoch seconds.")],
    limit: Limit = None,
    jobs: Jobs = None,
    max_runtime: MaxRuntime = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Run over a time span with a start and an end, to fill gaps."""
    request = WindowRequest("run-range", start, end, limit, jobs, max_runtime_s=max_runtime)
    execute(request, dry_run=dry_run, as_json=as_json)
