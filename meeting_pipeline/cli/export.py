"""`meeting export`: recordings as CSV, as a page, or as JSON."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from meeting_pipeline.actions.export import ExportRequest, export_pieces, export_to_file
from meeting_pipeline.cli import render
from meeting_pipeline.cli.options import AsJson
from meeting_pipeline.cli.session import begin
from meeting_pipeline.domain.display import strip_control_characters
from meeting_pipeline.domain.enums import ExportFormat, Phase
from meeting_pipeline.errors import UsageError
from meeting_pipeline.reporting.exports import check_replaceable

_NOT_TEXT = frozenset(
    {
        *(".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers", ".et"),
        *(".docx", ".doc", ".odt", ".wps", ".pdf", ".pptx", ".ppt"),
        *(".zip", ".gz", ".7z", ".rar", ".parquet", ".sqlite", ".db"),
    }
)
"""Endings of files that other programs open and that are never text, whatever --format says."""

_STANDARD_OUTPUT = "-"


def export(
    form: Annotated[
        ExportFormat | None,
        typer.Option(
            "--format",
            help="csv for Excel, html for people, json, or jsonl with one recording per line; "
            "default: the suffix of --output; without one, csv.",
        ),
    ] = None,
    student: Annotated[
        str | None, typer.Option(help="Only recordings of this student (id or name).")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Recordings that started then or later: 30d, 2026-01-05."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", help="Recordings that started before then; a date is included."),
    ] = None,
    phase: Annotated[Phase | None, typer.Option("--phase", help="Only in this phase.")] = None,
    transcripts: Annotated[
        bool, typer.Option("--transcripts", help="Include the transcripts.")
    ] = False,
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The file to write; - is standard output."
        ),
    ] = _STANDARD_OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Export recordings as CSV, HTML or JSON.

    Newest first, with students, phase and summary. Only you can read the file. It replaces an older
    export of that name and nothing else. It is yours from then on: `meeting erase` and `meeting
    cleanup` do not reach it.
    """
    _refuse_other_programs_ending(output)
    form = form or _form_of(output, as_json)
    _require_one_document(form, output, as_json)
    settings = begin()
    request = ExportRequest(form, student, since, until, phase, transcripts)
    if output == _STANDARD_OUTPUT:
        sys.stdout.writelines(export_pieces(settings, request))
        return
    made = export_to_file(settings, request, Path(output))
    if as_json:
        written = {"file": output, "format": form.value, "recordings": made.recordings}
        render.as_document({**written, "size_bytes": made.size_bytes})
        return
    size_kb = made.size_bytes / 1e3
    typer.echo(
        f"已导出 exported {made.recordings} recordings: {strip_control_characters(output)}, "
        f"{size_kb:.1f} kB"
    )


def _form_of(output: str, as_json: bool) -> ExportFormat:
    """Return the format that --output and --json suggest."""
    if output == _STANDARD_OUTPUT:
        return ExportFormat.JSON if as_json else ExportFormat.CSV
    suffix = Path(output).suffix.lower()
    if not suffix:
        return ExportFormat.CSV
    if suffix[1:] in list(ExportFormat):
        return ExportFormat(suffix[1:])
    raise _unknown_format(output, suffix)


def _refuse_other_programs_ending(output: str) -> None:
    """Refuse a name that promises what no format is: Excel does not open a CSV named .xlsx."""
    suffix = Path(output).suffix.lower()
    if suffix in _NOT_TEXT:
        raise _unknown_format(output, suffix)


def _unknown_format(output: str, suffix: str) -> UsageError:
    check_replaceable(Path(output))  # what is there and is no export is the greater mistake
    possible = ", ".join(f".{form}" for form in ExportFormat)
    other = "" if suffix in _NOT_TEXT else ", or --format"
    return UsageError(
        "unknown_format",
        f"不能导出 {suffix} 文件 cannot be written: {strip_control_characters(output)}",
        hint=f"可用 use {possible} (Excel 打开 opens .csv){other}",
    )


def _require_one_document(form: ExportFormat, output: str, as_json: bool) -> None:
    if as_json and output == _STANDARD_OUTPUT and form is not ExportFormat.JSON:
        message = f"standard output cannot be {form} and one JSON document"
        raise UsageError("two_documents", message, hint="name a file with --output")
