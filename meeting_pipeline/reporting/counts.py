"""The numbers of a run, and the names of its stages, for people."""

from meeting_pipeline.domain.stages import Outcome, RunReport

STAGE_WORDS = {
    "download": "下载 download",
    "extract": "提取音频 extract",
    "transcribe": "转写 transcribe",
    "summarize": "摘要 summarize",
    "store": "入库 store",
}


def count_lines(report: RunReport) -> list[str]:
    """Return the numbers of a run: they add up, and hold no names."""
    lines = [
        f"列出 listed {report.listed} = 新 new {report.new} + 已知 known {report.known}",
        f"待处理 due {report.due} = "
        f"完成 done {report.count(Outcome.DONE)} + 失败 failed {report.count(Outcome.FAILED)} + "
        f"跳过 skipped {report.count(Outcome.SKIPPED)} + "
        f"推迟 deferred {report.count(Outcome.DEFERRED)}",
    ]
    if report.waiting:
        lines.append(f"生成中 waiting {report.waiting}: a later run processes them")
    if unreadable := report.left_out.get("unreadable"):
        lines.append(f"无法读取 files and folders that cannot be read {unreadable}")
    if report.stopped_by:
        lines.append(f"提前结束 stopped by {report.stopped_by}")
    return lines
