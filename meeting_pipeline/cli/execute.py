"""How a run is carried out for a command: window, lock, pipeline, result, exit code."""

from dataclasses import dataclass

import typer

from meeting_pipeline.domain.stages import StageName


@dataclass(frozen=True)
class Request:
    """What was typed. since, until: as typed, or None for the default window."""

    command: str
    since: str | None
    until: str | None
    limit: int | None = None
    jobs: int | None = None
    stage: StageName | None = None
    work: bool = True
    max_runtime_s: float | None = None


def execute(request: Request, dry_run: bool, as_json: bool) -> None:
    """Run or plan, show the result, and leave with the run's exit code."""
    from meeting_pipeline.cli import progress, render
    from meeting_pipeline.cli.session import begin
    from meeting_pipeline.domain.stages import RunRequest
    from meeting_pipeline.domain.window import parse_moment, parse_window
    from meeting_pipeline.reporting.documents import plan_document, run_document
    from meeting_pipeline.wiring import backends, run, stores

    settings = begin("record_worker.log")
    zone = settings.source.zone
    since, until = request.since or f"{settings.tencent.lookback_days:g}d", request.until
    for typed in filter(None, (since, until)):
        parse_moment(typed, backends.utc_now(), zone)  # before anything is locked or asked for
    with (
        stores.lock(settings, request.command) as held,
        progress.display() as observer,
        run.pipeline(settings, observer, request.jobs, held, request.max_runtime_s) as pipeline,
    ):
        window = parse_window(since, until, backends.source_clock(pipeline.source)(), zone)
        run_request = RunRequest(
            request.command, window, request.work, request.stage, limit=request.limit
        )
        if dry_run:
            plan = plan_document(pipeline.plan(run_request), zone)
        else:
            report = run_document(pipeline.run(run_request), zone)
    if dry_run:
        render.plan(plan, as_json)
        return
    render.report(report, as_json)
    raise typer.Exit(report["exit_code"])
