"""`meeting status`: which recordings there are and how far each has come."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from meeting_pipeline.cli.options import AsJson, Since

_DEFAULT_LIMIT = 50


def status(
    failed: Annotated[bool, typer.Option("--failed", help="Only failed and dead ones.")] = False,
    due: Annotated[bool, typer.Option("--due", help="Only what the next run will take.")] = False,
    since: Since = None,
    student: Annotated[str | None, typer.Option(help="Only this student's (id or name).")] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="At most so many, newest first; 0 for all.")
    ] = _DEFAULT_LIMIT,
    as_json: AsJson = False,
) -> None:
    """Recordings, newest first, with status, phase, students and stages."""
    from meeting_pipeline.cli import render
    from meeting_pipeline.cli.session import begin
    from meeting_pipeline.domain.views import RecordingFilter
    from meeting_pipeline.domain.window import parse_moment
    from meeting_pipeline.reporting import documents
    from meeting_pipeline.wiring import backends, stores

    settings = begin()
    zone = settings.source.zone
    start = parse_moment(since, backends.utc_now(), zone) if since else None
    wanted = RecordingFilter(failed, due, start, student, limit=limit or None)
    with stores.database(settings) as rows:
        document = documents.status_document(rows.reading.recordings(wanted), zone)
        counts = {} if as_json else rows.reading.counts()
        last_runs = () if as_json else rows.reading.runs(1)
    if as_json:
        render.as_document(document)
        return
    out = render.console()
    columns = ("#", "开始 start", "主题 subject", "学员 students", "状态 status", "阶段 phase", "")
    out.print(render.table("", columns, _rows(document["recordings"])))
    shown = len(document["recordings"])
    told = "  ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    out.print(f"显示 shown {shown} · 共 in all: {told or 'no recordings yet'}")
    for run in last_runs:
        ended = documents.iso(run.finished_at, zone) or "it runs, or was killed"
        out.print(f"上次运行 last run: `meeting {run.command}` {ended}, exit code {run.exit_code}")


def _rows(recordings: list[dict[str, Any]]) -> Iterable[tuple[Any, ...]]:
    from meeting_pipeline.cli import render
    from meeting_pipeline.cli.words import shorten

    for one in recordings:
        students = ", ".join(one["student_ids"]) or (
            "–" if one["participants_known"] else "参会人未知 unknown"
        )
        yield (
            one["id"],
            one["start_ts"][:16].replace("T", " "),
            shorten(one["subject"] or one["record_id"], 30),
            students,
            render.status_text(one["status"]),
            one["phase"] or "",
            _reason(one),
        )


def _reason(recording: dict[str, Any]) -> str:
    errors = (
        f"{name}: {stage['error_code']}"
        for name, stage in recording["stages"].items()
        if stage["error_code"]
    )
    return recording["skip_reason"] or next(errors, "")
