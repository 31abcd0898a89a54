"""`meeting cron`: the incremental night, as the crontab runs it."""

import typer

from meeting_pipeline.cli.options import AsJson, MaxRuntime
from meeting_pipeline.errors import ConfigError


def cron(context: typer.Context, max_runtime: MaxRuntime = None, as_json: AsJson = False) -> None:
    """Tonight's work: new recordings since the last run, and all that is due from before."""
    from meeting_pipeline.actions.night import night
    from meeting_pipeline.cli import progress, render
    from meeting_pipeline.cli.alerts import LastWords
    from meeting_pipeline.cli.session import begin
    from meeting_pipeline.ports.observer import Observers
    from meeting_pipeline.reporting.documents import run_document

    settings = begin("cron_incremental.log")
    if settings.download.allow_private_hosts:
        raise ConfigError(
            "private_hosts",
            "ALLOW_PRIVATE_HOSTS is for trials and never for the nightly run",
            hint="take ALLOW_PRIVATE_HOSTS out of .env",
        )
    with progress.display() as drawn:
        observer = Observers([drawn, LastWords(context.obj)])
        report = night(settings, observer, max_runtime)
    context.obj.report = report  # for the notice
    render.report(run_document(report, settings.source.zone), as_json)
    raise typer.Exit(report.exit_code)
