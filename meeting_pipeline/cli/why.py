"""`meeting why ID`: why is this one not there?"""

from collections.abc import Iterable
from typing import Any

from meeting_pipeline.cli.options import AsJson, RecordingId


def why(recording: RecordingId, as_json: AsJson = False) -> None:
    """Every stage with attempts, times, reasons and cost, and the next thing that will happen."""
    from meeting_pipeline.cli import render
    from meeting_pipeline.cli.session import begin
    from meeting_pipeline.domain.display import strip_control_characters
    from meeting_pipeline.reporting import documents
    from meeting_pipeline.wiring import stores

    settings = begin()
    with stores.database(settings) as rows:
        document = documents.why_document(stores.find(rows, recording), settings.source.zone)
    if as_json:
        render.as_document(document)
        return
    out = render.console()
    reason = f" ({document['skip_reason']})" if document["skip_reason"] else ""
    head = f"#{document['id']} {document['record_id']}: {document['status']}{reason}"
    out.print(strip_control_characters(head), markup=False)
    columns = (
        "步骤 stage",
        "状态 status",
        "次数 attempts",
        "开始 started",
        "用时 s",
        "原因 reason",
    )
    out.print(render.table("", columns, _rows(document["stages"])))
    if document["cost"]:
        out.print(f"费用 cost {document['cost']:.4f}")
    out.print(strip_control_characters(f"接下来 next: {document['next']}"), markup=False)


def _rows(stages: list[dict[str, Any]]) -> Iterable[tuple[Any, ...]]:
    from meeting_pipeline.cli import render
    from meeting_pipeline.cli.words import STAGE_WORDS

    for stage in stages:
        seconds = stage.get("seconds")
        code = stage.get("error_code")
        yield (
            STAGE_WORDS[stage["stage"]],
            render.status_text(stage["status"]),
            str(stage["attempts"]),
            (stage.get("started_at") or "")[:19].replace("T", " "),
            "" if seconds is None else f"{seconds:.1f}",
            f"{code}: {stage['message']}" if code else removed_file(stage),
        )


def removed_file(stage: dict[str, Any]) -> str:
    """That a file is gone because its time was over, and when it went."""
    removed_at = (stage.get("file_removed_at") or "")[:16].replace("T", " ")
    return f"{stage['file']} 已到期删除 removed by retention {removed_at}" if removed_at else ""
