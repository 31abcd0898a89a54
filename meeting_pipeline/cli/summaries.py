"""`meeting summaries ID` and `meeting phase ID`: versions of a summary, and a phase by hand."""

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from meeting_pipeline.actions import summaries as actions
from meeting_pipeline.cli import render
from meeting_pipeline.cli.options import AsJson, RecordingId
from meeting_pipeline.cli.session import begin
from meeting_pipeline.cli.words import shorten
from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.summary_versions import SummariesOfRecording, SummaryVersion
from meeting_pipeline.reporting.documents import summaries_document
from meeting_pipeline.reporting.times import iso, to_minute


def summaries(
    recording: RecordingId,
    use: Annotated[
        int | None,
        typer.Option("--use", metavar="VERSION", min=1, help="Make this version the current one."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the versions of a recording's summary, or choose one.

    The current version is what lists, pages and exports show. A phase that was set by hand stays.
    """
    settings = begin()
    if use is None:
        found = actions.summaries(settings, recording)
    else:
        found = actions.use_version(settings, recording, use)
    _show(found, settings.source.zone, as_json)


def phase(
    recording: RecordingId,
    phase: Annotated[
        Phase | None, typer.Argument(metavar="[PHASE]", help=f"One of: {'、'.join(Phase)}.")
    ] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Give the phase back to the current summary.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Set the phase by hand; later summaries do not change it."""
    if (phase is None) is not clear:
        raise typer.BadParameter("name a phase, or add --clear")
    settings = begin()
    found = actions.set_phase(settings, recording, phase)
    _show(found, settings.source.zone, as_json)


def _show(found: SummariesOfRecording, zone: ZoneInfo, as_json: bool) -> None:
    if as_json:
        render.as_document(summaries_document(found, zone))
        return
    out, current = render.console(), found.current
    columns = ("版本 version", "", "时间 time", "模型 model", "阶段 phase", "标题 title")
    if found.versions:
        out.print(render.table(columns, (_row(one, zone) for one in found.versions)))
    else:
        out.print("还没有摘要 no summary yet")
    line = f"辅导阶段 phase: {current.phase or '–'}"
    if current.phase_by_hand and current.phase_at:
        who, when = current.phase_by or "–", iso(current.phase_at, zone)
        line += f" (手工设定 set by hand: {who}, {when}; 取消 undo: "
        line += f"meeting phase {found.recording_id} --clear)"
    out.print(line, markup=False, soft_wrap=True)


def _row(one: SummaryVersion, zone: ZoneInfo) -> render.Row:
    return (
        str(one.version),
        "当前 current" if one.is_current else "",
        to_minute(one.created_at, zone),
        f"{one.summary.engine} {one.summary.model}".strip(),
        f"{one.phase} {one.summary.confidence:.0%}",
        shorten(one.summary.title, 40),
    )
