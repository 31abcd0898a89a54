"""`meeting fetch`, `download`, `transcribe`, `summarize`: `run` up to one of its stages."""

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


def download(
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    jobs: Jobs = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """List a window and download what is due."""
    request = _up_to(StageName.DOWNLOAD, since, until, limit, jobs)
    execute(request, dry_run=dry_run, as_json=as_json)


def transcribe(
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    jobs: Jobs = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """List a window, download what is due, and transcribe it."""
    request = _up_to(StageName.TRANSCRIBE, since, until, limit, jobs)
    execute(request, dry_run=dry_run, as_json=as_json)


def summarize(
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    jobs: Jobs = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """List a window and process what is due up to its summary."""
    request = _up_to(StageName.SUMMARIZE, since, until, limit, jobs)
    execute(request, dry_run=dry_run, as_json=as_json)


def _up_to(
    stage: StageName, since: str | None, until: str | None, limit: int | None, jobs: int | None
) -> WindowRequest:
    return WindowRequest(stage.value, since, until, limit, jobs, stage)
