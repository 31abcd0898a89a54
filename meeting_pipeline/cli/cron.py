"""`meeting cron`: the incremental night, as the crontab runs it."""

import typer

from meeting_pipeline.actions.night import night
from meeting_pipeline.cli import heartbeat, progress, render
from meeting_pipeline.cli.alerts import LastWords
from meeting_pipeline.cli.options import AsJson, MaxRuntime
from meeting_pipeline.cli.session import begin
from meeting_pipeline.errors import ConfigError
from meeting_pipeline.ports.observer import Observers
from meeting_pipeline.reporting.documents import run_document


def cron(context: typer.Context, max_runtime: MaxRuntime = None, as_json: AsJson = False) -> None:
    """Run the incremental night: what is new and what is due.

    It lists new recordings since the last complete listing, and processes everything that is due,
    also from before. The crontab runs it every night.
    """
    settings = begin("cron_incremental.log")
    if settings.download.allow_private_hosts:
        raise ConfigError(
            "private_hosts",
            "ALLOW_PRIVATE_HOSTS is for trials only, and the nightly run refuses it",
            hint="remove ALLOW_PRIVATE_HOSTS from .env",
        )
    heartbeat.night_begins(settings)
    with progress.display() as drawn:
        observer = Observers([drawn, LastWords(context.obj, is_night=True)])
        report = night(settings, observer, max_runtime)
    context.obj.report = report  # for the notice
    if as_json:
        render.as_document(run_document(report, settings.source.zone))
    else:
        render.report(report)
    raise typer.Exit(report.exit_code)
