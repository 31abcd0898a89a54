"""The options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from meeting_pipeline.domain.durations import parse_duration


def max_runtime(text: str) -> float:
    """Read what was typed for --max-runtime."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Since = Annotated[
    str | None,
    typer.Option(
        "--since", help="Start of the window: 7d, yesterday, 昨天, 2026-01-05, '2026-01-05 19:30'."
    ),
]
Until = Annotated[
    str | None,
    typer.Option("--until", help="End of the window (default: now); a date is included."),
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many records.")]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Only show what would be done; nothing is fetched or stored."),
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
        help="Begin nothing after 6h, 90m or so many seconds; code 75 (default: MAX_RUNTIME).",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")
]
RecordingId = Annotated[
    str, typer.Argument(metavar="ID", help="The short number, or the source's own record id.")
]
EnvFile = Annotated[Path, typer.Option("--env-file", help="The settings file.")]
