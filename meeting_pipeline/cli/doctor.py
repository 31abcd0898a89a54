"""`meeting doctor`: a test of everything that a night needs, and the repair of damage."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import typer

from meeting_pipeline import exit_codes
from meeting_pipeline.actions.doctor import examine
from meeting_pipeline.actions.repair import repair as repair_installation
from meeting_pipeline.cli import render
from meeting_pipeline.cli.options import AsJson
from meeting_pipeline.cli.session import begin
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.domain.damage import Finding
from meeting_pipeline.settings.location import locate

_SIGNS = {True: "✓", False: "✗", None: "–"}
_SHOWN = 20  # of one kind; --json has them all
_VERDICTS = {
    "repair": "可修复 can be repaired",
    "needs_you": "需人工 needs you",
}


def doctor(
    repair: Annotated[
        bool, typer.Option("--repair", help="Search for damage, and repair what is safe to repair.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --repair: only show what would be repaired.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Test every setting for real, or repair what is damaged.

    Every failed check says what to do. The exit code is 3 when one failed, and when one could not
    be made ("?"; `unknown` with --json), so that no one knows. --repair instead
    searches files and rows for damage that the next run does not repair by itself, and repairs what
    is safe to repair. It never touches what the program did not make, and does not start while a
    run is at work (exit code 75). The exit code is 3 when something is left for you to do.
    """
    if dry_run and not repair:
        raise typer.BadParameter("--dry-run goes with --repair")
    if repair:
        _repair(dry_run, as_json)
    else:
        _examine(as_json)


def _examine(as_json: bool) -> None:
    checks = examine(begin(even_if_open=True), locate().env_file)
    red = sum(check.ok is False for check in checks)
    unknown = sum(check.unknown for check in checks)
    if as_json:
        file = locate().found
        render.as_document({"env_file": file, "checks": [vars(check) for check in checks]})
    else:
        rows = [(_sign(c), c.code, c.message, c.hint) for c in checks]
        render.console().print(f"设置 settings: {locate().words}", soft_wrap=True, markup=False)
        columns = ("", "检查 check", "结果 result", "怎么办 what to do")
        render.console().print(render.table(columns, rows))
        render.console().print(_verdict(red, unknown), soft_wrap=True)
    if red or unknown:
        raise typer.Exit(exit_codes.CONFIG)


def _sign(check: Check) -> str:
    return "?" if check.unknown else _SIGNS[check.ok]


def _verdict(red: int, unknown: int) -> str:
    counts = [
        *([f"待处理 to fix: {red}"] if red else ()),
        *([f"未能检查 not checked: {unknown}"] if unknown else ()),
    ]
    if counts:
        return (
            f"{' · '.join(counts)}；还不能确定今晚可以运行 it is not certain that the night can run"
        )
    return "全部就绪 ready for the night"


def _repair(dry_run: bool, as_json: bool) -> None:
    settings = begin(even_if_open=True)
    found = repair_installation(settings, locate().env_file, dry_run=dry_run)
    if as_json:
        render.as_document({"dry_run": dry_run, "findings": [_document(one) for one in found]})
    else:
        _print(found, dry_run)
    if not all(finding.is_repaired for finding in found):
        raise typer.Exit(exit_codes.CONFIG)


def _document(finding: Finding) -> dict[str, object]:
    return {
        "kind": finding.kind.value,
        "where": finding.where,
        "verdict": finding.verdict.value,
        "message": finding.message,
        "action": finding.action,
        "repaired": finding.is_repaired,
    }


def _print(found: Sequence[Finding], dry_run: bool) -> None:
    out = render.console()
    if found:
        columns = ("", "哪里 where", "问题 what is wrong", "处理 what is done")
        out.print(render.table(columns, _rows(found)))
    repaired = sum(finding.is_repaired for finding in found)
    counts = f"已修复 repaired: {repaired}, 待处理 left to do: {len(found) - repaired}"
    out.print("没有损坏 nothing is damaged" if not found else counts)
    if dry_run:
        out.print("试运行 dry run: nothing was changed")


def _rows(found: Iterable[Finding]) -> Iterator[tuple[str, str, str, str]]:
    seen: Counter[str] = Counter()
    for finding in found:
        seen[finding.kind] += 1
        verdict = "已修复 repaired" if finding.is_repaired else _VERDICTS[finding.verdict]
        if seen[finding.kind] <= _SHOWN:
            yield verdict, finding.where, finding.message, finding.action
    for kind, count in seen.items():
        if count > _SHOWN:
            yield "…", kind, f"还有 {count - _SHOWN} more", "--json has them all"
