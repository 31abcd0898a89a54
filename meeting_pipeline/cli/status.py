"""`meeting status`: recordings and how far each has come."""

from collections.abc import Iterator
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from meeting_pipeline.actions import status as actions
from meeting_pipeline.cli import render
from meeting_pipeline.cli.options import AsJson, Since
from meeting_pipeline.cli.session import begin
from meeting_pipeline.cli.words import shorten
from meeting_pipeline.domain.views import RecordingView, RunView
from meeting_pipeline.reporting.documents import status_document
from meeting_pipeline.reporting.times import iso, to_minute

_DEFAULT_LIMIT = 50


def status(
    failed: Annotated[
        bool, typer.Option("--failed", help="Only failed and dead recordings.")
    ] = False,
    due: Annotated[bool, typer.Option("--due", help="Only what the next run processes.")] = False,
    since: Since = None,
    student: Annotated[
        str | None, typer.Option(help="Only recordings of this student (id or name).")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="The largest number of recordings; 0 for all.")
    ] = _DEFAULT_LIMIT,
    as_json: AsJson = False,
) -> None:
    """List recordings, newest first, with status and stages.

    --json has the state of every stage; the table has phase, students and the reason of a failure.
    """
    settings = begin()
    zone = settings.source.zone
    found = actions.status(
        settings, failed=failed, due=due, since=since, student=student, limit=limit or None
    )
    if as_json:
        render.as_document(status_document(found.recordings, found.total, zone))
        return
    out = render.console()
    columns = (
        "#",
        "开始 start",
        "主题 subject",
        "学员 students",
        "状态 status",
        "辅导阶段 phase",
        "",
    )
    out.print(render.table(columns, (_row(recording, zone) for recording in found.recordings)))
    counts = "  ".join(f"{name} {count}" for name, count in sorted(found.counts.items()))
    shown = len(found.recordings)
    of = f" / {found.total} (--limit 0: 全部 all)" if found.total > shown else ""
    out.print(f"显示 shown {shown}{of} · 共 in all: {counts or 'no recordings yet'}")
    if run := found.last_run:
        out.print(f"上次运行 last run: `meeting {run.command}` {_end(run, found.is_running, zone)}")


def _end(run: RunView, is_running: bool, zone: ZoneInfo) -> str:
    """Return how a run ended, or since when it has been at work."""
    if run.finished_at is not None:
        return f"{iso(run.finished_at, zone)}, exit code {run.exit_code}"
    if is_running:
        return f"运行中 running since {iso(run.started_at, zone)}"
    begun = iso(run.started_at, zone)
    return f"被中断 was killed, begun {begun}; 下次运行会接着做 the next run resumes"


def _row(recording: RecordingView, zone: ZoneInfo) -> render.Row:
    no_students = "–" if recording.participants_known else "参会人未知 unknown"
    return (
        str(recording.id),
        to_minute(recording.start_ts, zone),
        shorten(recording.subject or recording.record_id, 30),
        ", ".join(recording.student_ids) or no_students,
        render.status_cell(recording.status.value),
        recording.phase or "",
        recording.remark or next(_errors(recording), ""),
    )


def _errors(recording: RecordingView) -> Iterator[str]:
    for stage, entry in recording.stages.items():
        if entry.error_code:
            yield f"{stage}: {entry.error_code}"
