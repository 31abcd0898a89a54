"""`meeting show ID`: one recording with attendance, summary and transcript."""

from collections.abc import Iterable, Iterator
from typing import Any

from meeting_pipeline.cli.options import AsJson, RecordingId


def show(recording: RecordingId, as_json: AsJson = False) -> None:
    """One recording: who was there, what it was about, what was said."""
    from meeting_pipeline.cli import render
    from meeting_pipeline.cli.session import begin
    from meeting_pipeline.reporting import documents
    from meeting_pipeline.wiring import stores

    settings = begin()
    with stores.database(settings) as rows:
        document = documents.detail_document(stores.find(rows, recording), settings.source.zone)
    if as_json:
        render.as_document(document)
        return
    draw(document)
    text = "\n".join(_transcript_lines(document["transcript"]))
    render.console().print(text, markup=False, soft_wrap=True)


def draw(document: dict[str, Any]) -> None:
    """Facts, attendance and summary of one recording, for people."""
    from meeting_pipeline.cli import render
    from meeting_pipeline.cli.words import minutes
    from meeting_pipeline.domain.display import strip_control_characters

    out = render.console()
    lines = [
        f"#{document['id']}  {document['subject'] or document['record_id']}",
        f"{document['start_ts']}  {minutes(document['duration_s'])}  {document['status']}"
        + (f" ({document['skip_reason']})" if document["skip_reason"] else ""),
    ]
    lines += [
        f"  {one['role']:<8} {one['name'] or one['person']}  {minutes(one['seconds'])}"
        for one in document["attendance"]
    ]
    lines += _removed_lines(document["stages"])
    lines += _summary_lines(document["summary"])
    for line in lines:
        out.print(strip_control_characters(line), markup=False, soft_wrap=True)


def _removed_lines(stages: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What is not there any more because its time was over."""
    kinds = {"download": "媒体 media", "extract": "音频 audio", "transcribe": "文字 texts"}
    for stage, kind in kinds.items():
        if removed_at := stages.get(stage, {}).get("file_removed_at"):
            yield f"  {kind}: 已到期删除 removed by retention {removed_at}"


def _summary_lines(summary: dict[str, Any] | None) -> Iterator[str]:
    if summary is None:
        yield "还没有总结 no summary yet"
        return
    yield ""
    yield f"{summary['title']}  [{summary['phase']} {summary['confidence']:.0%}]"
    yield f"由 by {summary['engine']} {summary['model']}, 阶段 phase by {summary['phase_method']}"
    yield summary["abstract"]
    yield from _list("要点 key points", summary["key_points"])
    yield from _list("决定 decisions", summary["decisions"])
    yield from _list("待办 action items", map(_action, summary["action_items"]))
    yield from _list("依据 evidence", map(_quote, summary["evidence"]))


def _list(title: str, items: Iterable[str]) -> Iterator[str]:
    items = list(items)
    if items:
        yield f"{title}:"
        yield from (f"  · {item}" for item in items)


def _action(item: dict[str, str]) -> str:
    about = ", ".join(word for word in (item["who"], item["due"]) if word)
    return f"{item['what']} ({about})" if about else item["what"]


def _quote(evidence: dict[str, Any]) -> str:
    from meeting_pipeline.cli.words import minutes

    return f"[{minutes(evidence['start_s'])}] {evidence['quote']}"


def _transcript_lines(transcript: dict[str, Any] | None) -> Iterator[str]:
    from meeting_pipeline.cli.words import minutes
    from meeting_pipeline.domain.display import strip_control_characters

    if transcript is None or not transcript["segments"]:
        return
    yield ""
    coverage = transcript["coverage"]
    covered = f", coverage {coverage:.0%}" if coverage is not None else ""
    yield f"转写 transcript ({transcript['engine']} {transcript['model']}{covered})"
    for segment in transcript["segments"]:
        speaker = f"{segment['speaker']}: " if segment["speaker"] else ""
        yield strip_control_characters(
            f"[{minutes(segment['start_s'])}] {speaker}{segment['text']}"
        )
