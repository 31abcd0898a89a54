"""Observers of a run: progress bars, logs, statistics.

An observer overrides the events that it needs. An exception in an observer is logged and does not
affect the run.
"""

import logging
from collections.abc import Callable, Sequence

from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.stages import RecordOutcome, RunReport, StageName
from meeting_pipeline.domain.timing import GateUse, StageWork
from meeting_pipeline.domain.window import Window

log = logging.getLogger(__name__)


class RunObserver:
    """The base class of observers; its methods do nothing and may be overridden."""

    def gates_opened(self, use: Callable[[], Sequence[GateUse]]) -> None:
        """Receive a function that returns the present use of each gate of the run."""

    def run_started(self, run_id: int, window: Window | None) -> None:
        """Handle the start of a run, after its row was committed."""

    def records_listed(self, listed: int, new: int) -> None:
        """Handle the end of the listing."""

    def work_planned(self, due: int) -> None:
        """Handle a new number of records to process, which grows while the source is listing."""

    def record_started(self, recording_id: int, meta: RecordMeta) -> None:
        """Handle the start of work on a record."""

    def stage_started(self, recording_id: int, meta: RecordMeta, stage: StageName) -> None:
        """Handle the start of a stage; a stage that is already done does not start."""

    def stage_progressed(self, recording_id: int, fraction: float) -> None:
        """Handle the progress (0..1) of the stage that a record is in."""

    def stage_finished(
        self, recording_id: int, meta: RecordMeta, stage: StageName, work: StageWork
    ) -> None:
        """Handle the success of a stage."""

    def record_finished(self, outcome: RecordOutcome) -> None:
        """Handle the end of work on a record in this run."""

    def run_finished(self, report: RunReport) -> None:
        """Handle the end of the run, with its final report."""

    def run_given_up(self, exit_code: int, reason: str) -> None:
        """Handle a run that did not end when it was asked to, just before the process ends.

        This is called on a thread of its own, which has a second or two.

        Args:
            exit_code: The exit code of the process.
            reason: Why the run was asked to end, as in `RunReport.stopped_by`.
        """


class Observers(RunObserver):
    """Passes each event to several observers and logs the exceptions that they raise."""

    def __init__(self, observers: Sequence[RunObserver]) -> None:
        self._observers = tuple(observers)
        self._interested: dict[str, Sequence[RunObserver]] = {}

    def gates_opened(self, use: Callable[[], Sequence[GateUse]]) -> None:
        self._tell("gates_opened", use)

    def run_started(self, run_id: int, window: Window | None) -> None:
        self._tell("run_started", run_id, window)

    def records_listed(self, listed: int, new: int) -> None:
        self._tell("records_listed", listed, new)

    def work_planned(self, due: int) -> None:
        self._tell("work_planned", due)

    def record_started(self, recording_id: int, meta: RecordMeta) -> None:
        self._tell("record_started", recording_id, meta)

    def stage_started(self, recording_id: int, meta: RecordMeta, stage: StageName) -> None:
        self._tell("stage_started", recording_id, meta, stage)

    def stage_progressed(self, recording_id: int, fraction: float) -> None:
        self._tell("stage_progressed", recording_id, fraction)

    def stage_finished(
        self, recording_id: int, meta: RecordMeta, stage: StageName, work: StageWork
    ) -> None:
        self._tell("stage_finished", recording_id, meta, stage, work)

    def record_finished(self, outcome: RecordOutcome) -> None:
        self._tell("record_finished", outcome)

    def run_finished(self, report: RunReport) -> None:
        self._tell("run_finished", report)

    def run_given_up(self, exit_code: int, reason: str) -> None:
        self._tell("run_given_up", exit_code, reason)

    def _tell(self, event: str, *details: object) -> None:
        if event not in self._interested:
            self._interested[event] = [one for one in self._observers if _overrides(one, event)]
        for observer in self._interested[event]:
            try:
                getattr(observer, event)(*details)
            except Exception:
                log.exception("observer %s failed in %s; the run continues", observer, event)


def _overrides(observer: RunObserver, event: str) -> bool:
    return getattr(type(observer), event) is not getattr(RunObserver, event)
