"""`meeting stats`: how much each student was taught, and in which phases."""

from collections.abc import Iterable
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from meeting_pipeline import exit_codes
from meeting_pipeline.actions import stats as actions
from meeting_pipeline.cli import render
from meeting_pipeline.cli.options import AsJson
from meeting_pipeline.cli.session import begin
from meeting_pipeline.domain.display import strip_control_characters
from meeting_pipeline.domain.views import StudentView
from meeting_pipeline.reporting.documents import stats_document
from meeting_pipeline.reporting.times import to_minute


def stats(
    student: Annotated[str | None, typer.Option(help="Only this student (id or name).")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare the stored numbers with a recomputation.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Recompute the numbers of all students.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List students with recordings, attended minutes and phases.

    Minutes are attended time, not the length of the recordings.
    """
    settings = begin()
    zone = settings.source.zone
    found = actions.stats(settings, student, verify=verify, rebuild=rebuild)
    if as_json:
        document = stats_document(found.students, zone)
        if found.differences is not None:
            document["differences"] = found.differences
        if found.why_empty:
            document["why_empty"] = found.why_empty
        render.as_document(document)
    else:
        draw(found.students, zone)
        if found.why_empty:
            said = strip_control_characters(found.why_empty)
            render.console().print(said, soft_wrap=True, markup=False)
        if found.differences is not None:
            render.console().print(
                f"与重算的差异 differences from a recomputation: {found.differences}"
            )
    if found.differences:
        raise typer.Exit(exit_codes.BUG)


def draw(students: Iterable[StudentView], zone: ZoneInfo) -> None:
    """Print the table of students.

    Args:
        students: The students, in the order of the table.
        zone: The zone of their times.
    """
    columns = (
        *("学员 student", "姓名 name", "录制 records"),
        *("分钟 minutes", "最近 last", "辅导阶段 phases"),
    )
    render.console().print(render.table(columns, (_row(one, zone) for one in students)))


def _row(student: StudentView, zone: ZoneInfo) -> tuple[str, ...]:
    counts = (str(student.record_cnt), str(student.total_duration))
    last = to_minute(student.last_record_at, zone)
    phases = "  ".join(f"{phase} {count}" for phase, count in student.phases.items())
    return student.student_id, student.name, *counts, last, phases
