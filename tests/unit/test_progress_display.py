"""The live view says what is really going on, at any width of the work."""

import io
from pathlib import Path

from rich.console import Console

from meeting_pipeline.cli.progress_display import ProgressDisplay, gates_line
from meeting_pipeline.domain.model import RecordKey, RecordMeta
from meeting_pipeline.domain.stages import Outcome, RecordOutcome, StageName
from meeting_pipeline.domain.timing import GateUse, Resource, StageWork
from tests.support.fakes import START, meta
from tests.support.nights import Installation

ASR = GateUse(Resource.ASR, 3, used=3, waiting=5, entries=8)
DOWNLOAD = GateUse(Resource.DOWNLOAD, 4, used=2, entries=9)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def display(height: int = 30) -> tuple[ProgressDisplay, Clock]:
    clock = Clock()
    console = Console(file=io.StringIO(), force_terminal=True, width=120, height=height)
    return ProgressDisplay(console, clock), clock


def screen(shown: ProgressDisplay) -> str:
    paper = Console(file=io.StringIO(), width=120)
    paper.print(shown.view())
    written = paper.file
    assert isinstance(written, io.StringIO)
    return written.getvalue()


def lesson(number: int, size_bytes: int = 10_000_000) -> RecordMeta:
    return RecordMeta(
        RecordKey("tencent", str(number)), START, f"第{number}课", size_bytes=size_bytes
    )


def ended(number: int) -> RecordOutcome:
    return RecordOutcome(number, "tencent", str(number), "", Outcome.DONE)


def test_the_resource_that_most_records_wait_for_is_named_with_its_slots() -> None:
    line = gates_line([DOWNLOAD, ASR])
    assert line == "下载 downloads 2/4 · ASR 3/3 · 等待 waiting for: ASR 3/3 (5)"


def test_nobody_is_said_to_wait_where_nobody_does_and_unused_resources_are_left_out() -> None:
    assert gates_line([DOWNLOAD, GateUse(Resource.LLM, 1)]) == "下载 downloads 2/4"
    assert gates_line([]) == ""


def test_the_total_is_open_while_the_source_is_listing() -> None:
    shown, _ = display()
    shown.work_planned(20)
    shown.record_finished(ended(1))
    assert "1/20+" in screen(shown)
    shown.work_planned(45)
    shown.records_listed(45, 45)
    assert "1/45 " in screen(shown)


def test_bytes_and_speed_are_of_all_downloads_together() -> None:
    shown, clock = display()
    shown.work_planned(2)
    for number in (1, 2):
        shown.stage_started(number, lesson(number), StageName.DOWNLOAD)
    screen(shown)
    clock.now += 2
    shown.stage_progressed(1, 0.5)
    shown.stage_progressed(2, 0.1)
    assert "6.0 MB · 3.0 MB/s" in screen(shown)
    shown.stage_finished(1, lesson(1), StageName.DOWNLOAD, StageWork(2.0, 0.0, 10_000_000))
    assert "11.0 MB" in screen(shown)


def test_the_time_left_follows_the_pace_of_what_is_finished() -> None:
    shown, clock = display()
    shown.work_planned(10)
    clock.now += 10
    shown.record_finished(ended(1))
    assert "left" not in screen(shown), "one record says nothing about the pace"
    for number in range(2, 6):
        shown.record_finished(ended(number))
    assert "left 00:10" in screen(shown)


def test_more_records_than_lines_are_counted_not_drawn() -> None:
    shown, _ = display(height=10)
    for number in range(16):
        shown.stage_started(number, lesson(number), StageName.TRANSCRIBE)
    text = screen(shown)
    assert text.count("转写 transcribe") == 4
    assert "… 12 more" in text


def test_a_whole_run_can_be_watched(tmp_path: Path) -> None:
    shown, _ = display()
    with shown:
        Installation(tmp_path, [meta(number) for number in range(4)], observer=shown, jobs=2).run()
    text = screen(shown)
    assert "4/4" in text
    assert "#" not in text, "nothing is in flight any more"
