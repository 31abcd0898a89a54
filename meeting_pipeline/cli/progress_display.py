"""The live view: one line for all records, one for each in flight."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from meeting_pipeline.cli.words import STAGE_WORDS, shorten
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.stages import RecordOutcome, StageName
from meeting_pipeline.events import RunObserver


class ProgressDisplay(RunObserver):
    """Draws on standard error, with count and time left."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._all: TaskID | None = None
        self._records: dict[int, TaskID] = {}

    def __enter__(self) -> "ProgressDisplay":
        self._progress.start()
        self._all = self._progress.add_task("列出会议录制 listing", total=None)
        return self

    def __exit__(self, *_error: object) -> None:
        self._progress.stop()

    def work_planned(self, due: int) -> None:
        if self._all is not None:
            self._progress.update(self._all, description="全部 all records", total=due)

    def stage_started(self, recording_id: int, meta: RecordMeta, stage: StageName) -> None:
        what = f"#{recording_id} {STAGE_WORDS[stage]} {shorten(meta.subject, 28)}"
        if recording_id not in self._records:
            self._records[recording_id] = self._progress.add_task(what, total=100)
        task = self._records[recording_id]
        self._progress.reset(task, description=what, total=100)

    def stage_progressed(self, recording_id: int, fraction: float) -> None:
        if (task := self._records.get(recording_id)) is not None:
            self._progress.update(task, completed=round(100 * fraction))

    def record_finished(self, outcome: RecordOutcome) -> None:
        if (task := self._records.pop(outcome.id, None)) is not None:
            self._progress.remove_task(task)
        if self._all is not None:
            self._progress.advance(self._all)
