"""`meeting fetch`, `download`, `transcribe`, `summarize`: `run`, only not all the way."""

from collections.abc import Callable

from meeting_pipeline.cli.execute import Request, execute
from meeting_pipeline.cli.options import AsJson, DryRun, Jobs, Limit, Since, Until
from meeting_pipeline.domain.stages import StageName


def fetch(
    since: Since = None, until: Until = None, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """List a window into rows; nothing is downloaded."""
    execute(Request("fetch", since, until, work=False), dry_run, as_json)


def _up_to(stage: StageName, help_text: str) -> Callable[..., None]:
    """The command that is called like its last stage."""

    def command(
        since: Since = None,
        until: Until = None,
        limit: Limit = None,
        jobs: Jobs = None,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        execute(Request(stage.value, since, until, limit, jobs, stage), dry_run, as_json)

    command.__doc__ = help_text
    return command


download = _up_to(StageName.DOWNLOAD, "List a window and download what is due.")
transcribe = _up_to(StageName.TRANSCRIBE, "List a window, download what is due, and transcribe it.")
summarize = _up_to(
    StageName.SUMMARIZE, "List a window, download and transcribe what is due, and summarize it."
)
