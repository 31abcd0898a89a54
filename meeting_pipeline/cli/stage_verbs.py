"""`meeting fetch`, `download`, `transcribe`, `summarize`: `run` up to one of its stages."""

from collections.abc import Callable

from meeting_pipeline.actions.run_window import WindowRequest
from meeting_pipeline.cli.execute import execute
from meeting_pipeline.cli.options import AsJson, DryRun, Jobs, Limit, Since, Until
from meeting_pipeline.domain.stages import StageName


def fetch(
    since: Since = None, until: Until = None, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """List a window into rows; download nothing."""
    request = WindowRequest("fetch", since, until, work=False)
    execute(request, dry_run=dry_run, as_json=as_json)


def _up_to(stage: StageName, help_text: str) -> Callable[..., None]:
    """Return the command that has the name of its last stage."""

    def command(
        since: Since = None,
        until: Until = None,
        limit: Limit = None,
        jobs: Jobs = None,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        request = WindowRequest(stage.value, since, until, limit, jobs, stage)
        execute(request, dry_run=dry_run, as_json=as_json)

    command.__doc__ = help_text
    return command


download = _up_to(StageName.DOWNLOAD, "List a window and download what is due.")
transcribe = _up_to(StageName.TRANSCRIBE, "List a window, download what is due, and transcribe it.")
summarize = _up_to(StageName.SUMMARIZE, "List a window and process what is due up to its summary.")
