"""`meeting retry ID…`: failed, dead or skipped recordings made due again."""

from typing import Annotated

import typer

from meeting_pipeline.actions.retry import retry as retry_recordings
from meeting_pipeline.cli import render
from meeting_pipeline.cli.options import AsJson
from meeting_pipeline.cli.session import begin


def retry(
    recordings: Annotated[list[str] | None, typer.Argument(metavar="[ID]...")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Add every dead recording.")] = False,
    accept_damaged: Annotated[
        bool,
        typer.Option(
            "--accept-damaged",
            help="Transcribe damaged recordings as far as they can be decoded, marked incomplete.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make failed, dead or skipped recordings due again.

    Their failed attempts are forgotten, and the next run processes them.
    """
    if not recordings and not dead:
        raise typer.BadParameter("name recordings, or add --dead for all that failed too often")
    if accept_damaged and (dead or not recordings):
        raise typer.BadParameter("--accept-damaged needs the ID of each recording, without --dead")
    retried = retry_recordings(begin(), recordings or (), dead=dead, accept_damaged=accept_damaged)
    if as_json:
        render.as_document({"reopened": [str(number) for number in retried.reopened]})
        return
    for number in retried.numbers:
        is_due = number in retried.reopened
        result = "待处理 is due now" if is_due else "未改动 is not failed, dead or skipped"
        render.console().print(f"#{number} {result}")
