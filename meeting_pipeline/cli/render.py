"""Results as tables for people or as one JSON document for programs."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from meeting_pipeline.cli.words import RESOURCE_WORDS, STAGE_WORDS, STATUS_STYLES, shorten
from meeting_pipeline.domain.display import json_text, strip_control_characters

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

Document = dict[str, Any]


def console() -> "Console":
    """Standard output."""
    from rich.console import Console  # this and its like are loaded where there is a table

    return Console(highlight=False)


def as_document(document: Document) -> None:
    """Exactly one JSON document on standard output."""
    sys.stdout.write(json_text(document, indent=2) + "\n")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence["str | Text"]]) -> "Table":
    """A table of text from outside: nothing in it is read as markup."""
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        cells = (strip_control_characters(one) if isinstance(one, str) else one for one in row)
        made.add_row(*(Text(one) if isinstance(one, str) else one for one in cells))
    return made


def status_text(status: str) -> "Text":
    """A status in its colour."""
    from rich.text import Text

    return Text(status, style=STATUS_STYLES.get(status, ""))


def report(document: Document, as_json: bool) -> None:
    """The run report: what each due record came to, and the counts."""
    if as_json:
        as_document(document)
        return
    if document["records"]:
        columns = ("#", "主题 subject", "结果 result", "原因 reason")
        console().print(table("", columns, _records(document)))
    sys.stdout.write(_counts(document) + "\n")


def plan(document: Document, as_json: bool) -> None:
    """What a run would do."""
    if as_json:
        as_document(document)
        return
    rows = [(r["id"] or "–", shorten(r["subject"], 40), r["status"]) for r in document["records"]]
    out = console()
    out.print(table("", ("#", "主题 subject", "会做 would do"), rows))
    out.print(
        f"试运行 dry run: {document['listed']} listed = {document['new']} new + "
        f"{document['known']} known; {document['due']} would be processed. No row was written."
    )


def _records(document: Document) -> Iterable[Sequence["str | Text"]]:
    for record in document["records"]:
        stage = STAGE_WORDS.get(record["stage"] or "", "")
        code = record["error_code"]
        reason = ": ".join(filter(None, (stage, code, record["message"]))) if code else stage
        subject = shorten(record["subject"] or record["record_id"], 36)
        yield record["id"], subject, status_text(record["status"]), reason


def _counts(document: Document) -> str:
    lines = [
        f"列出 listed {document['listed']} = "
        f"新 new {document['new']} + 已知 known {document['known']}",
        f"应做 due {document['due']} = "
        f"完成 done {document['done']} + 失败 failed {document['failed']} + "
        f"跳过 skipped {document['skipped']} + 推迟 deferred {document['deferred']}",
    ]
    if document["waiting"]:
        lines.append(f"还在生成 waiting {document['waiting']}: they are taken in a later run")
    if document["stopped_by"]:
        lines.append(f"提前结束 stopped by {document['stopped_by']}")
    lines += _timing(document["timing"])
    lines.append(f"用时 {document['seconds']:.1f} s · 退出码 exit code {document['exit_code']}")
    return "\n".join(lines)


def _timing(timing: Document) -> list[str]:
    """Where the time went, for a run that did some work."""
    if not timing["slowest"]:
        return []
    stages = [
        f"{STAGE_WORDS[name]} {stage['count']} × {stage['seconds'] / stage['count']:.1f} s"
        for name, stage in timing["stages"].items()
    ]
    gates = [
        f"{RESOURCE_WORDS[name]} {gate['occupancy']:.0%} × {gate['slots']}"
        for name, gate in timing["gates"].items()
        if gate["entries"]
    ]
    return [
        f"阶段 stages: {', '.join(stages)}",
        f"占用 in use: {', '.join(gates)}",
        f"最慢 slowest: {RESOURCE_WORDS[timing['slowest']]}; "
        f"下限 lower bound {timing['lower_bound_s']:.1f} s, reached {timing['ratio']:.2f} ×",
    ]
