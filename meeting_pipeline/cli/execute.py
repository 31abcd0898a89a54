"""The run of a window, as several commands share it."""

import typer

from meeting_pipeline.actions.run_window import WindowRequest, plan_window, run_window
from meeting_pipeline.cli import heartbeat, progress, render
from meeting_pipeline.cli.alerts import LastWords
from meeting_pipeline.cli.ended import Ended
from meeting_pipeline.cli.session import begin
from meeting_pipeline.ports.observer import Observers
from meeting_pipeline.reporting.documents import plan_document, run_document


def execute(
    request: WindowRequest, *, dry_run: bool, as_json: bool, watched: Ended | None = None
) -> None:
    """Run or plan a window, print the result, and exit with the code of the run.

    Args:
        request: The window, and how far to process it.
        dry_run: Whether to plan only.
        as_json: Whether to print a JSON document.
        watched: What the end of the run is told with, for a run that HEARTBEAT_URL watches.
    """
    if watched := None if dry_run else watched:
        watched.is_watched = True
    settings = begin("record_worker.log", may_create=not dry_run)
    zone = settings.source.zone
    if watched:
        heartbeat.night_begins(settings)
    with progress.display() as drawn:
        if dry_run:
            plan = plan_window(settings, request, drawn)
        else:
            last_words = [LastWords(watched, is_night=False)] if watched else []
            report = run_window(settings, request, Observers([drawn, *last_words]))
    if dry_run:
        if as_json:
            render.as_document(plan_document(plan, zone))
        else:
            render.plan(plan)
        return
    if watched:
        watched.report = report
    if as_json:
        render.as_document(run_document(report, zone))
    else:
        render.report(report)
    raise typer.Exit(report.exit_code)
