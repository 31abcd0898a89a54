"""`meeting erase --student ID`: the erasure of everything of one student."""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated

import typer

from meeting_pipeline.actions.erase import erase as erase_student
from meeting_pipeline.actions.erase import plan_erasure
from meeting_pipeline.cli import render
from meeting_pipeline.cli.options import AsJson
from meeting_pipeline.cli.session import begin
from meeting_pipeline.domain.display import strip_control_characters
from meeting_pipeline.errors import UsageError
from meeting_pipeline.ports.upkeep import Remnant
from meeting_pipeline.upkeep.erasure import Erased


def erase(
    student: Annotated[str, typer.Option("--student", help="The id, as `meeting stats` shows it.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be erased.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a student from rows, files and logs, for good.

    Recordings without another student are erased whole. Of recordings with other students, the
    texts, the audio and this student are erased; the others keep their attendance and statistics.
    An interrupted erasure is completed by the same command. The recording at its source and your
    own backups are not touched.
    """
    settings = begin()
    if dry_run:
        erased = plan_erasure(settings, student)
    else:
        erased = erase_student(
            settings, student, None if yes else partial(_confirm, as_json=as_json)
        )
    if as_json:
        render.as_document(_document(erased, dry_run=dry_run))
    else:
        _print(erased, dry_run=dry_run)


def _confirm(plan: Erased, *, as_json: bool) -> None:
    if not as_json:
        _print(plan, dry_run=True)
    question = "删除后无法恢复，是否继续？ This cannot be undone. Continue?"
    if not (sys.stdin.isatty() and typer.confirm(question, err=True)):
        hint = "add --yes, or answer y on a terminal; --dry-run shows what would be erased"
        raise UsageError("not_confirmed", "nothing was erased", hint=hint)


def _document(erased: Erased, *, dry_run: bool) -> dict[str, object]:
    scope = erased.scope
    return {
        "dry_run": dry_run,
        "student_id": scope.student,
        "names": list(scope.names),
        "erased": [str(key) for key in scope.whole],
        "shared": [str(key) for key in scope.shared],
        "files": [str(path) for path in erased.files],
        "log_lines": erased.log_lines,
        "namesakes": list(scope.namesakes),
        "left": [
            {"where": one.where, "id": None if one.recording_id is None else str(one.recording_id)}
            for one in erased.remnants
        ],
    }


def _print(erased: Erased, *, dry_run: bool) -> None:
    for line in _lines(erased, dry_run=dry_run):
        render.console().print(strip_control_characters(line), markup=False, soft_wrap=True)


def _lines(erased: Erased, *, dry_run: bool) -> Iterator[str]:
    scope = erased.scope
    result = "将删除 would be erased" if dry_run else "已删除 erased"
    yield f"{result}: {scope.student} {' '.join(scope.names)}"
    yield f"  整条删除 recordings erased whole: {len(scope.whole)}"
    yield from (f"    {key}" for key in scope.whole)
    yield f"  与他人共有 shared recordings, of which texts and audio: {len(scope.shared)}"
    yield from (f"    {key}" for key in scope.shared)
    yield f"  文件 files: {len(erased.files)}"
    if dry_run:
        yield from (f"    {path}" for path in erased.files)
    yield f"  日志行 log lines: {erased.log_lines}"
    if scope.namesakes:
        yield f"  同名者 others with the same name, not erased: {', '.join(scope.namesakes)}"
        yield "    texts may still contain the name; erase that id too if it is the same person"
    if not dry_run:
        yield from _remnant_lines(erased.remnants)


def _remnant_lines(remnants: Sequence[Remnant]) -> Iterator[str]:
    if not remnants:
        yield "  复查 searched rows, files and logs again: nothing is left"
        return
    yield "  仍提到 still named here, in records of others; check these yourself:"
    for one in remnants:
        yield f"    {one.where}" + (f" #{one.recording_id}" if one.recording_id else "")
