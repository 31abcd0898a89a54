"""Results as tables for people or as one JSON document for programs."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meeting_pipeline.cli.words import RESOURCE_WORDS, STATUS_STYLES, shorten
from meeting_pipeline.domain.display import json_text, strip_control_characters
from meeting_pipeline.domain.stages import RecordNotes, RecordOutcome, RunReport
from meeting_pipeline.domain.timing import Timing
from meeting_pipeline.ports.rows import RunPlan
from meeting_pipeline.reporting.counts import STAGE_WORDS, count_lines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_MOST_NOTES = 20  # on a screen


@dataclass(frozen=True)
class Styled:
    """A cell in a colour or in bold."""

    text: str
    style: str


Row = Sequence[str | Styled]


def as_document(document: Mapping[str, object]) -> None:
    """Print exactly one JSON document on standard output."""
    sys.stdout.write(json_text(document, indent=2) + "\n")


def console() -> "Console":
    """Return standard output as rich sees it."""
    from rich.console import Console  # heavy, and of no use with --json

    return Console(highlight=False)


def table(columns: Sequence[str], rows: Iterable[Row]) -> "Table":
    """Return a table of text from outside; nothing in it is read as markup.

    Args:
        columns: The heading of each column.
        rows: The cells of each row.
    """
    from rich.table import Table
    from rich.text import Text

    drawn = Table(header_style="bold", box=None, pad_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        cells = (
            cell if isinstance(cell, Styled) else Styled(strip_control_characters(cell), "")
            for cell in row
        )
        drawn.add_row(*(Text(cell.text, style=cell.style) for cell in cells))
    return drawn


def status_cell(status: str) -> Styled:
    """Return a status in its colour."""
    return Styled(status, STATUS_STYLES.get(status, ""))


def report(ended: RunReport) -> None:
    """Print the report of a run: what became of each due record, and the counts."""
    if ended.records:
        columns = ("#", "主题 subject", "结果 result", "原因 reason")
        console().print(table(columns, map(_outcome, ended.records)))
    lines = [*_notes(ended.notes), *count_lines(ended), *_timing(ended.timing), _end(ended)]
    sys.stdout.write("\n".join(lines) + "\n")


def plan(planned: RunPlan) -> None:
    """Print what a run would do."""
    rows = [("–", shorten(meta.subject, 40), "new") for meta in planned.ready]
    rows += [(str(one.id), shorten(one.meta.subject, 40), "due") for one in planned.due]
    new = len(planned.ready)
    out = console()
    out.print(table(("#", "主题 subject", "将执行 would do"), rows))
    out.print(
        f"试运行 dry run: {planned.listed} listed = {new} new + "
        f"{planned.listed - new} known; {len(rows)} would be processed. No row was written."
    )
    for line in _notes(planned.notes):
        out.print(line, markup=False, soft_wrap=True)


def _notes(of_records: Sequence[RecordNotes]) -> list[str]:
    """Return a line for each note of a source about a listed recording, the first ones of many."""
    named = [
        f"注意 note  {shorten(one.subject or one.record_id or one.source, 36)}: "
        f"{strip_control_characters(note)}"
        for one in of_records
        for note in one.notes
    ]
    more = len(named) - _MOST_NOTES
    rest = [f"注意 note  … 另有 {more} 条 and {more} more; --json lists all"] if more > 0 else []
    return named[:_MOST_NOTES] + rest


def _outcome(record: RecordOutcome) -> Row:
    stage = STAGE_WORDS[record.stage] if record.stage else ""
    code = record.error_code
    reason = ": ".join(filter(None, (stage, code, record.message)))
    subject = shorten(record.subject or record.record_id, 36)
    return str(record.id), subject, status_cell(record.status.value), reason


def _timing(timing: Timing) -> list[str]:
    """Return where the time went; nothing for a run that did no work."""
    if timing.slowest is None:
        return []
    stages = [
        f"{STAGE_WORDS[name]} {stage.count} × {stage.seconds / stage.count:.1f} s"
        for name, stage in timing.stages.items()
    ]
    gates = [
        f"{RESOURCE_WORDS[gate.resource]} {gate.occupancy(timing.seconds):.0%} × {gate.slots}"
        for gate in timing.gates
        if gate.entries
    ]
    reached = "–" if timing.ratio is None else f"{timing.ratio:.2f} ×"
    return [
        f"阶段 stages: {', '.join(stages)}",
        f"占用 in use: {', '.join(gates)}",
        f"瓶颈 slowest: {RESOURCE_WORDS[timing.slowest]}; "
        f"下限 lower bound {timing.lower_bound_s:.1f} s, reached {reached}",
    ]


def _end(ended: RunReport) -> str:
    return f"用时 {ended.seconds:.1f} s · 退出码 exit code {ended.exit_code}"
