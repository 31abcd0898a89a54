"""`meeting fetch`, `download`, `transcribe`, `summarize`: `run`, only not all the way."""

from meeting_pipeline.cli.execute import Request, execute
from meeting_pipeline.cli.options import AsJson, DryRun, Jobs, Limit, Since, Until
from meeting_pipeline.domain.stages import StageName


def fetch(
    since: Since = None, until: Until = None, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """List a window into rows; nothing is downloaded."""
    execute(Request("fetch", since, until, work=False), dry_run, as_json)


def download(
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    jobs: Jobs = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """List a window and download what is due."""
    request = Request("download", since, until, limit, jobs, StageName.DOWNLOAD)
    execute(request, dry_run, as_json)


def transcribe(
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    jobs: Jobs = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """List a window, download what is due, and transcribe it."""
    request = Request("transcribe", since, until, limit, jobs, StageName.TRANSCRIBE)
    execute(request, dry_run, as_json)


def summarize(
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    jobs: Jobs = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """List a window, download and transcribe what is due, and summarize it."""
    request = Request("summarize", since, until, limit, jobs, StageName.SUMMARIZE)
    execute(request, dry_run, as_json)
