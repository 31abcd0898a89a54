"""`meeting run`, `meeting run-range`: the whole way from a window of time to rows."""

from typing import Annotated

import typer

from meeting_pipeline.cli.execute import Request, execute
from meeting_pipeline.cli.options import AsJson, DryRun, Jobs, Limit, MaxRuntime, Since, Until


def run(
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    jobs: Jobs = None,
    max_runtime: MaxRuntime = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """List a window, then process every record in it that is due.

    Without --since: the last TQM_LOOKBACK_DAYS days. The watermark of the nightly run stays.
    """
    request = Request("run", since, until, limit=limit, jobs=jobs, max_runtime_s=max_runtime)
    execute(request, dry_run, as_json)


def run_range(
    start: Annotated[str, typer.Argument(help="A date, a time or epoch seconds.")],
    end: Annotated[str, typer.Argument(help="A date (included), a time or epoch seconds.")],
    limit: Limit = None,
    jobs: Jobs = None,
    max_runtime: MaxRuntime = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """The same as `run` for a span of time with a start and an end; for filling gaps."""
    request = Request("run-range", start, end, limit=limit, jobs=jobs, max_runtime_s=max_runtime)
    execute(request, dry_run, as_json)
