"""`meeting demo`: a real night over the sample recordings of the package."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from meeting_pipeline.actions.find import find
from meeting_pipeline.actions.night import night
from meeting_pipeline.actions.stats import stats as student_stats
from meeting_pipeline.cli import progress, render, show, stats
from meeting_pipeline.cli.session import begin
from meeting_pipeline.domain.stages import Outcome, RunReport
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.settings.config import Settings

SAMPLES = Path(__file__).parent.parent / "samples"

_EXPLAINED = {
    0: "every due record is done or was skipped for a reason",
    4: "at least one record failed; `meeting why ID` says why, a later run retries it",
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
    """Run the real pipeline over the sample recordings.

    It needs no account and no key, and nothing is faked. `--source tencent` starts the sandbox and
    downloads from it, with signed requests, aria2 and the protocol of a chat model. The exit code
    is 0 when the night could be shown, whatever the night's own exit code is.
    """
    workspace = _fresh(begin().source.data_dir / "demo")
    with _environment(source) as environment:
        settings = begin("demo.log", Path(os.devnull), {**environment, "DATA_DIR": str(workspace)})
        with progress.display() as observer:
            report = night(settings, observer)
    _print_night(report)
    _print_rows(settings, report)
    render.console().print(f"行与文件 rows and files of this demo: {workspace}", soft_wrap=True)


def _fresh(workspace: Path) -> Path:
    shutil.rmtree(workspace, ignore_errors=True)
    return workspace


@contextmanager
def _environment(source: DemoSource) -> Iterator[Mapping[str, str]]:
    """Yield settings that have nothing to do with the real installation."""
    if source is DemoSource.FOLDER:
        yield {
            "TQM_LOOKBACK_DAYS": "36500",
            "MEETING_SOURCE": "folder",
            "MEETING_FOLDER": str(SAMPLES),
            "SETTLE_S": "0",
            "ASR_BACKEND": "whisper",
            "LLM_BACKEND": "extractive",
        }
        return
    with Sandbox(limits=ROOMY) as sandbox:
        yield {**sandbox.environment(), "TQM_LOOKBACK_DAYS": "60"}


def _print_night(report: RunReport) -> None:
    out, code = render.console(), report.exit_code
    out.rule("本次运行报告 · the night")
    render.report(report)
    out.print(f"  {code} = {_EXPLAINED.get(code, 'see docs/operations.md')}", soft_wrap=True)


def _print_rows(settings: Settings, report: RunReport) -> None:
    out, zone = render.console(), settings.source.zone
    out.rule("学员统计 · student statistics")
    stats.draw(student_stats(settings).students, zone)
    done = [record.id for record in report.records if record.status is Outcome.DONE]
    for number in done[:1]:
        out.rule(f"摘要示例 · one summary (meeting show {number})")
        show.draw(find(settings, str(number)), zone)
