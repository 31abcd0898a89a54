"""`meeting stats`: how much each student was taught, and in which phases."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from meeting_pipeline import exit_codes
from meeting_pipeline.cli.options import AsJson


def stats(
    student: Annotated[str | None, typer.Option(help="Only this student (id).")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare with a recomputation from scratch.")
    ] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Recompute everybody.")] = False,
    as_json: AsJson = False,
) -> None:
    """Students with their recordings, minutes and phases; minutes are attended time."""
    from meeting_pipeline.cli import render
    from meeting_pipeline.cli.session import begin
    from meeting_pipeline.reporting import documents
    from meeting_pipeline.wiring import stores

    settings = begin()
    with stores.database(settings) as rows:
        if rebuild:
            rows.stats.rebuild()
        differences = rows.stats.differences() if verify else []
        document = documents.stats_document(rows.reading.stats(student), settings.source.zone)
    if verify:
        document["differences"] = len(differences)
    if as_json:
        render.as_document(document)
    else:
        draw(document)
        if verify:
            render.console().print(
                f"与重算的差异 differences from a recomputation: {len(differences)}"
            )
    if differences:
        raise typer.Exit(exit_codes.BUG)


def draw(document: dict[str, Any]) -> None:
    """The table of students."""
    from meeting_pipeline.cli import render

    columns = (
        "学员 student",
        "姓名 name",
        "录制 records",
        "分钟 minutes",
        "最近 last",
        "阶段 phases",
    )
    render.console().print(render.table("", columns, _rows(document["students"])))


def _rows(students: list[dict[str, Any]]) -> Iterable[tuple[str, ...]]:
    for one in students:
        phases = "  ".join(f"{phase} {count}" for phase, count in one["phases"].items())
        last = (one["last_record_at"] or "")[:16].replace("T", " ")
        counts = (str(one["record_cnt"]), str(one["total_duration"]))
        yield one["student_id"], one["name"], *counts, last, phases
