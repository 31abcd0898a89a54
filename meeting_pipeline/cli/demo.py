"""`meeting demo`: a real night over the recordings that come with the program."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from meeting_pipeline.settings.config import Settings

SAMPLES = Path(__file__).parent.parent / "samples"

_EXPLAINED = {
    0: "every due record is done or was skipped for a reason",
    4: "at least one record failed; `meeting why ID` says why, a later night tries again",
}


class DemoSource(StrEnum):
    """Where the demo's recordings come from."""

    FOLDER = "folder"
    TENCENT = "tencent"


def demo(
    source: Annotated[
        DemoSource, typer.Option(help="A folder of files, or a local Tencent Meeting.")
    ] = DemoSource.FOLDER,
) -> None:
    """Run the real pipeline over the sample recordings: no account, no key, nothing faked.

    `--source tencent` starts the sandbox and pulls them from there by signed requests, aria2 and a
    chat model's protocol. Ends with 0 when it could show the night, whatever the night's own code.
    """
    from meeting_pipeline.actions.night import night
    from meeting_pipeline.cli import progress, render
    from meeting_pipeline.cli.session import begin
    from meeting_pipeline.reporting import documents

    workspace = _fresh(begin().source.data_dir / "demo")
    with _environment(source) as environment:
        settings = begin("demo.log", Path(os.devnull), {**environment, "DATA_DIR": str(workspace)})
        with progress.display() as observer:
            report = documents.run_document(night(settings, observer), settings.source.zone)
    _show_night(report)
    _show_rows(settings, report)
    render.console().print(f"行与文件 rows and files of this demo: {workspace}", soft_wrap=True)


def _fresh(workspace: Path) -> Path:
    shutil.rmtree(workspace, ignore_errors=True)
    return workspace


@contextmanager
def _environment(source: DemoSource) -> Iterator[Mapping[str, str]]:
    """Settings that have nothing to do with the real installation."""
    common = {"TQM_LOOKBACK_DAYS": "36500"}
    if source is DemoSource.FOLDER:
        yield {
            **common,
            "MEETING_SOURCE": "folder",
            "MEETING_FOLDER": str(SAMPLES),
            "SETTLE_S": "0",
            "ASR_BACKEND": "whisper",
            "LLM_BACKEND": "extractive",
        }
        return
    from meeting_pipeline.sandbox.limits import ROOMY
    from meeting_pipeline.sandbox.server import Sandbox

    with Sandbox(limits=ROOMY) as sandbox:
        yield {**common, **sandbox.environment(), "TQM_LOOKBACK_DAYS": "60"}


def _show_night(report: dict[str, Any]) -> None:
    from meeting_pipeline.cli import render

    out = render.console()
    out.rule("今晚的报告 · the night")
    render.report(report, as_json=False)
    code = report["exit_code"]
    out.print(f"  {code} = {_EXPLAINED.get(code, 'see docs/operations.md')}", soft_wrap=True)


def _show_rows(settings: Settings, report: dict[str, Any]) -> None:
    from meeting_pipeline.cli import render, show, stats
    from meeting_pipeline.reporting import documents
    from meeting_pipeline.wiring import stores

    out, zone = render.console(), settings.source.zone
    done = [record["id"] for record in report["records"] if record["status"] == "done"]
    with stores.database(settings) as rows:
        out.rule("学员统计 · student statistics")
        stats.draw(documents.stats_document(rows.reading.stats(), zone))
        for number in done[:1]:
            out.rule(f"一份总结 · one summary (meeting show {number})")
            show.draw(documents.detail_document(stores.find(rows, number), zone))
