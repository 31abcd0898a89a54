"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from meeting_pipeline.domain.durations import parse_duration


def max_runtime(text: str) -> float:
    """Return the seconds that a value of --max-runtime means."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        help="Start of the window: 7d, 7天, 昨天, 上周, 2026-01-05, 2026年1月5日, "
        "'2026-01-05 19:30'.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option("--until", help="End of the window (default: now); a date is included."),
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="The largest number of records to process.")
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Only show what would be done; download and store nothing."),
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="Records in flight (default: JOBS).")
]
MaxRuntime = Annotated[
    float | None,
    typer.Option(
        "--max-runtime",
        metavar="TIME",
        parser=max_runtime,
        help="Begin nothing more after this time: 6h, 90m or seconds; exit code 75 "
        "(default: MAX_RUNTIME).",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")
]
RecordingId = Annotated[
    str, typer.Argument(metavar="ID", help="The number, or the source's own record id.")
]
EnvFile = Annotated[Path, typer.Option("--env-file", help="The settings file.")]
