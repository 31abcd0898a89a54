"""`meeting retry ID…`: make failed, dead or skipped recordings due again."""

from typing import Annotated

import typer

from meeting_pipeline.cli.options import AsJson


def retry(
    recordings: Annotated[list[str] | None, typer.Argument(metavar="[ID]...")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Every dead recording.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget the failed attempts of these recordings; the next run takes them."""
    from meeting_pipeline.cli import render
    from meeting_pipeline.cli.session import begin
    from meeting_pipeline.domain.stages import RecordStatus
    from meeting_pipeline.domain.views import RecordingFilter
    from meeting_pipeline.wiring import stores

    if not recordings and not dead:
        raise typer.BadParameter("name recordings, or --dead for all that failed too often")
    with stores.database(begin()) as rows:
        numbers = [stores.find(rows, reference).recording.id for reference in recordings or ()]
        if dead:
            failed = rows.reading.recordings(RecordingFilter(failed=True))
            numbers += [one.id for one in failed if one.status is RecordStatus.DEAD]
        reopened = [number for number in numbers if rows.recordings.retry(number)]
    if as_json:
        render.as_document({"reopened": [str(number) for number in reopened]})
        return
    for number in numbers:
        said = "due now" if number in reopened else "is not failed, dead or skipped: left alone"
        render.console().print(f"#{number} {said}")
