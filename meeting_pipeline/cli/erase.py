"""`meeting erase --student ID`: everything of one student goes."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meeting_pipeline.cli.options import AsJson

if TYPE_CHECKING:
    from meeting_pipeline.upkeep.erasure import Erased


def erase(
    student: Annotated[str, typer.Option("--student", help="The id, as `meeting stats` has it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a student: rows, files and log lines; what was erased does not come back.

    Recordings in which nobody else learned go whole. Where others learned too, the texts, the
    sound and this person go; the others keep their attendance and their numbers. Broken off, it is
    completed by the same command. The recording at its source and your own backups are not ours.
    """
    from meeting_pipeline.cli.session import begin
    from meeting_pipeline.wiring import stores

    settings = begin()
    with stores.locked_database(settings, "erase") as rows:
        erasure = stores.erasure(settings, rows)
        plan = erasure.plan(student)
        if dry_run:
            _show(plan, as_json, dry_run=True)
            return
        if not yes:
            _ask(plan, as_json)
        done = erasure.erase(student)
    _show(done, as_json, dry_run=False)


def _ask(plan: "Erased", as_json: bool) -> None:
    from meeting_pipeline.errors import UsageError

    if not as_json:
        _show(plan, as_json, dry_run=True)
    question = "删除后无法恢复，继续？ This cannot be undone. Go on?"
    if not (sys.stdin.isatty() and typer.confirm(question, err=True)):
        hint = "say --yes, or answer y on a terminal; --dry-run shows what would go"
        raise UsageError("not_confirmed", "nothing was erased", hint=hint)


def _show(erased: "Erased", as_json: bool, *, dry_run: bool) -> None:
    from meeting_pipeline.cli import render
    from meeting_pipeline.domain.display import strip_control_characters

    document = _document(erased, dry_run)
    if as_json:
        render.as_document(document)
        return
    for line in _lines(document):
        render.console().print(strip_control_characters(line), markup=False, soft_wrap=True)


def _document(erased: "Erased", dry_run: bool) -> dict[str, Any]:
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


def _lines(document: dict[str, Any]) -> Iterator[str]:
    dry_run = document["dry_run"]
    said = "会删除 would go" if dry_run else "已删除 erased"
    yield f"{said}: {document['student_id']} {' '.join(document['names'])}"
    yield f"  整条删除 recordings, whole: {len(document['erased'])}"
    yield from (f"    {key}" for key in document["erased"])
    yield f"  与他人共有 shared recordings, their texts and sound: {len(document['shared'])}"
    yield from (f"    {key}" for key in document["shared"])
    yield f"  文件 files: {len(document['files'])}"
    if dry_run:
        yield from (f"    {path}" for path in document["files"])
    yield f"  日志行 log lines: {document['log_lines']}"
    if document["namesakes"]:
        yield f"  同名者 others of the same name, not touched: {', '.join(document['namesakes'])}"
        yield "    texts may still hold that name; if it is the same person, erase that id, too"
    if not dry_run:
        yield from _proof(document["left"])


def _proof(left: list[dict[str, Any]]) -> Iterator[str]:
    if not left:
        yield "  复查 looked for again in rows, files and logs: nothing is left"
        return
    yield "  仍提到 still named here, in what is not theirs; look at it yourself:"
    for one in left:
        yield f"    {one['where']}" + (f" #{one['id']}" if one["id"] else "")
