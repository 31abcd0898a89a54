"""`meeting export`: recordings as CSV, as a page, or as JSON."""

import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from meeting_pipeline.cli.options import AsJson
from meeting_pipeline.domain.enums import ExportFormat, Phase

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_STANDARD_OUTPUT = "-"


def export(
    form: Annotated[
        ExportFormat | None,
        typer.Option(
            "--format",
            help="csv for Excel, html for people, json, or jsonl with a recording a line; "
            "default: as the name of --output ends, else csv.",
        ),
    ] = None,
    student: Annotated[str | None, typer.Option(help="Only this student's (id or name).")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Started then or later: 30d, 2026-01-05.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Started before; a date is included.")
    ] = None,
    phase: Annotated[Phase | None, typer.Option("--phase", help="Only in this phase.")] = None,
    transcripts: Annotated[
        bool, typer.Option("--transcripts", help="With all that was said.")
    ] = False,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where to; - is standard output.")
    ] = _STANDARD_OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Recordings with students, phase and summary, newest first, as CSV, HTML or JSON.

    The file is made for you only and replaces an older export of that name, nothing else. It is
    yours from then on: `meeting erase` and `meeting cleanup` do not reach it.
    """
    from meeting_pipeline.cli import render
    from meeting_pipeline.cli.session import begin
    from meeting_pipeline.domain.display import strip_control_characters
    from meeting_pipeline.domain.views import RecordingFilter
    from meeting_pipeline.reporting import exports
    from meeting_pipeline.wiring import backends, stores

    form = form or _form_of(output, as_json)
    _check_one_document(form, output, as_json)
    settings, now = begin(), backends.utc_now()
    zone = settings.source.zone
    start, end = _span(since, until, now, zone)
    wanted = RecordingFilter(since=start, until=end, student=student, phase=phase)
    made = exports.Export(form, zone, transcripts)
    with stores.database(settings) as rows:
        pieces = made.pieces(rows.exporting.recordings(wanted, transcripts=transcripts), now)
        if output == _STANDARD_OUTPUT:
            _print(pieces)
            return
        size_bytes = exports.save(pieces, Path(output))
    if as_json:
        told = {"file": output, "format": form.value, "recordings": made.count}
        render.as_document({**told, "size_bytes": size_bytes})
        return
    typer.echo(
        f"已导出 exported {made.count} recordings: {strip_control_characters(output)}, "
        f"{size_bytes / 1e3:.1f} kB"
    )


def _form_of(output: str, as_json: bool) -> ExportFormat:
    """What was probably meant."""
    if output == _STANDARD_OUTPUT:
        return ExportFormat.JSON if as_json else ExportFormat.CSV
    suffix = Path(output).suffix.lower().removeprefix(".")
    return ExportFormat(suffix) if suffix in list(ExportFormat) else ExportFormat.CSV


def _check_one_document(form: ExportFormat, output: str, as_json: bool) -> None:
    from meeting_pipeline.errors import UsageError

    if as_json and output == _STANDARD_OUTPUT and form is not ExportFormat.JSON:
        message = f"standard output cannot be {form} and one JSON document"
        raise UsageError("two_documents", message, hint="name a file by --output")


def _span(
    since: str | None, until: str | None, now: datetime, zone: "ZoneInfo"
) -> tuple[datetime | None, datetime | None]:
    from meeting_pipeline.domain.window import parse_moment, parse_window

    if since and until:
        window = parse_window(since, until, now, zone)
        return window.start, window.end
    start = parse_moment(since, now, zone) if since else None
    return start, parse_moment(until, now, zone, end=True) if until else None


def _print(pieces: Iterable[str]) -> None:
    for piece in pieces:
        sys.stdout.write(piece)
