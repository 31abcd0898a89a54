"""`meeting demo`: a real night over the recordings that come with the program."""

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

SAMPLES = Path(__file__).parent.parent / "samples"

_EXPLAINED = {
    0: "every due record is done or was skipped for a reason",
    4: "at least one record failed; `meeting why ID` says why, a later night tries again",
}


def demo(
    source: Annotated[str, typer.Option(help="folder: the sample files.")] = "folder",
) -> None:
    """Run the real pipeline over the sample recordings: no account, no key, nothing faked.

    It ends with 0 when it could show the night, whatever the night's own exit code.
    """
    from meeting_pipeline import reports, wiring
    from meeting_pipeline.cli import progress, render, show, stats
    from meeting_pipeline.cli.session import begin
    from meeting_pipeline.night import night

    data_dir = begin().source.data_dir
    settings = begin("demo.log", env_file=Path(os.devnull), environment=_environment(data_dir))
    zone = settings.source.zone
    with progress.display() as observer:
        report = reports.run_document(night(settings, observer), zone)
    out = render.console()
    out.rule("今晚的报告 · the night")
    render.report(report, as_json=False)
    code = report["exit_code"]
    out.print(f"  {code} = {_EXPLAINED.get(code, 'see docs/operations.md')}")
    with wiring.database(settings) as rows:
        out.rule("学员统计 · student statistics")
        stats.draw(reports.stats_document(rows.reading.stats(), zone))
        done = next(record["id"] for record in report["records"] if record["status"] == "done")
        out.rule(f"一份总结 · one summary (meeting show {done})")
        show.draw(reports.detail_document(wiring.find(rows, done), zone))
    out.print(f"数据在 the rows and files of this demo: {settings.source.data_dir}")


def _environment(data_dir: Path) -> dict[str, str]:
    """Settings of a fresh, separate installation below DATA_DIR; the real one is left alone."""
    workspace = data_dir / "demo"
    shutil.rmtree(workspace, ignore_errors=True)
    return {
        "MEETING_SOURCE": "folder",
        "MEETING_FOLDER": str(SAMPLES),
        "DATA_DIR": str(workspace),
        "SETTLE_S": "0",
        "TQM_LOOKBACK_DAYS": "36500",
        "ASR_BACKEND": "whisper",
        "LLM_BACKEND": "extractive",
    }
