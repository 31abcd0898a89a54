"""`meeting show ID`: one recording with attendance, summary and transcript."""

from collections.abc import Iterable, Iterator, Mapping
from zoneinfo import ZoneInfo

from meeting_pipeline.actions.find import find
from meeting_pipeline.cli import render
from meeting_pipeline.cli.options import AsJson, RecordingId
from meeting_pipeline.cli.session import begin
from meeting_pipeline.cli.words import minutes, note_lines
from meeting_pipeline.domain.display import strip_control_characters
from meeting_pipeline.domain.model import ActionItem, Evidence, Summary, Transcript
from meeting_pipeline.domain.stages import LedgerEntry, StageName
from meeting_pipeline.domain.views import RecordingDetail
from meeting_pipeline.reporting.documents import detail_document
from meeting_pipeline.reporting.times import iso
from meeting_pipeline.reporting.warnings import warnings_in_words

_REMOVABLE = {
    StageName.DOWNLOAD: "媒体 media",
    StageName.EXTRACT: "音频 audio",
    StageName.TRANSCRIBE: "转写文本 transcript",
}
"""What retention removes, by the stage that made it."""


def show(recording: RecordingId, as_json: AsJson = False) -> None:
    """Show attendance, summary and transcript of a recording."""
    settings = begin()
    detail = find(settings, recording)
    if as_json:
        render.as_document(detail_document(detail, settings.source.zone))
        return
    draw(detail, settings.source.zone)
    text = "\n".join(_transcript_lines(detail.transcript))
    render.console().print(text, markup=False, soft_wrap=True)


def draw(detail: RecordingDetail, zone: ZoneInfo) -> None:
    """Print facts, attendance and summary of a recording.

    Args:
        detail: The recording.
        zone: The zone of its times.
    """
    out, recording = render.console(), detail.recording
    reason = f" ({recording.skip_reason})" if recording.skip_reason else ""
    start, duration = iso(recording.start_ts, zone), minutes(recording.duration_s)
    lines = [
        f"#{recording.id}  {recording.subject or recording.record_id}",
        f"{start}  {duration}  {recording.status}{reason}",
    ]
    lines += [
        f"  {one.role:<8} {one.name or one.person}  {minutes(one.seconds)}"
        for one in detail.attendance
    ]
    lines += note_lines(recording.notes)
    lines += [f"  警告 warning: {one}" for one in warnings_in_words(detail)]
    lines += _removed_lines(recording.stages, zone)
    lines += _summary_lines(detail.summary)
    for line in lines:
        out.print(strip_control_characters(line), markup=False, soft_wrap=True)


def _removed_lines(stages: Mapping[StageName, LedgerEntry], zone: ZoneInfo) -> Iterator[str]:
    for stage, kind in _REMOVABLE.items():
        if (entry := stages.get(stage)) and (removed_at := entry.artifact_removed_at):
            yield f"  {kind}: 已到期删除 removed by retention {iso(removed_at, zone)}"


def _summary_lines(summary: Summary | None) -> Iterator[str]:
    if summary is None:
        yield "还没有摘要 no summary yet"
        return
    yield ""
    yield f"{summary.title}  [{summary.phase} {summary.confidence:.0%}]"
    yield f"由 by {summary.engine} {summary.model}, 辅导阶段 phase by {summary.phase_method}"
    yield summary.abstract
    yield from _list("要点 key points", summary.key_points)
    yield from _list("决定 decisions", summary.decisions)
    yield from _list("待办 action items", map(_action, summary.action_items))
    yield from _list("依据 evidence", map(_quote, summary.evidence))


def _list(title: str, items: Iterable[str]) -> Iterator[str]:
    items = list(items)
    if items:
        yield f"{title}:"
        yield from (f"  · {item}" for item in items)


def _action(item: ActionItem) -> str:
    about = ", ".join(word for word in (item.who, item.due) if word)
    return f"{item.what} ({about})" if about else item.what


def _quote(evidence: Evidence) -> str:
    return f"[{minutes(evidence.start_s)}] {evidence.quote}"


def _transcript_lines(transcript: Transcript | None) -> Iterator[str]:
    if transcript is None or not transcript.segments:
        return
    yield ""
    coverage = transcript.coverage
    covered = f", coverage {coverage:.0%}" if coverage is not None else ""
    yield f"转写 transcript ({transcript.engine} {transcript.model}{covered})"
    for segment in transcript.segments:
        speaker = f"{segment.speaker}: " if segment.speaker else ""
        yield strip_control_characters(f"[{minutes(segment.start_s)}] {speaker}{segment.text}")
