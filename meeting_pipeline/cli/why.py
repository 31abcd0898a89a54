"""`meeting why ID`: the reason why a recording is not finished."""

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from meeting_pipeline.actions.find import find
from meeting_pipeline.cli import render
from meeting_pipeline.cli.options import AsJson, RecordingId
from meeting_pipeline.cli.session import begin
from meeting_pipeline.cli.words import note_lines
from meeting_pipeline.domain.display import strip_control_characters
from meeting_pipeline.domain.stages import LedgerEntry, StageName
from meeting_pipeline.reporting.counts import STAGE_WORDS
from meeting_pipeline.reporting.documents import why_document
from meeting_pipeline.reporting.next_step import next_step
from meeting_pipeline.reporting.times import to_minute, to_second
from meeting_pipeline.reporting.warnings import warnings_in_words


def why(recording: RecordingId, as_json: AsJson = False) -> None:
    """Explain why a recording is not finished, and what is next.

    It shows every stage with attempts, times and reasons, what the recording cost, and the next
    thing that will happen.
    """
    settings = begin()
    zone = settings.source.zone
    detail = find(settings, recording)
    if as_json:
        render.as_document(why_document(detail, zone))
        return
    out, view = render.console(), detail.recording
    reason = f" ({view.skip_reason})" if view.skip_reason else ""
    out.print(
        strip_control_characters(f"#{view.id} {view.record_id}: {view.status}{reason}"),
        markup=False,
    )
    columns = (
        *("阶段 stage", "状态 status", "次数 attempts"),
        *("开始 started", "用时 s", "原因 reason"),
    )
    out.print(render.table(columns, _rows(view.stages, zone)))
    for line in note_lines(view.notes):
        out.print(strip_control_characters(line), markup=False, soft_wrap=True)
    if detail.cost:
        out.print(f"费用 cost {detail.cost:.4f}")
    for warning in warnings_in_words(detail):
        out.print(f"警告 warning: {warning}", markup=False, soft_wrap=True)
    words = f"接下来 next: {next_step(view, zone)}"
    out.print(strip_control_characters(words), markup=False, soft_wrap=True)


def _rows(stages: Mapping[StageName, LedgerEntry], zone: ZoneInfo) -> Iterator[render.Row]:
    for name in StageName:
        entry = stages.get(name)
        if entry is None:
            yield STAGE_WORDS[name], "not yet", "0", "", "", ""
            continue
        yield (
            STAGE_WORDS[name],
            render.status_cell(entry.status.value),
            str(entry.attempts),
            to_second(entry.started_at, zone),
            "" if entry.seconds is None else f"{entry.seconds:.1f}",
            _reason(entry, zone),
        )


def _reason(entry: LedgerEntry, zone: ZoneInfo) -> str:
    if entry.error_code:
        return f"{entry.error_code}: {entry.message}"
    if entry.artifact and (removed_at := entry.artifact_removed_at):
        day = to_minute(removed_at, zone)
        return f"{entry.artifact.name} 已到期删除 removed by retention {day}"
    return ""
