"""Who wants to know what a run does: progress bars, logs, notifications.

An observer overrides what it cares about; a broken one costs a log line, never a record.
"""

import logging
from collections.abc import Callable, Sequence

from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.stages import RecordOutcome, RunReport, StageName
from meeting_pipeline.domain.timing import GateUse, StageWork
from meeting_pipeline.domain.window import Window

log = logging.getLogger(__name__)


class RunObserver:
    """Told what happens; every method does nothing until a subclass says otherwise."""

    def gates_opened(self, use: Callable[[], Sequence[GateUse]]) -> None:
        """The run has its gates; `use` says at any time how each stands."""

    def run_started(self, run_id: int, window: Window | None) -> None:
        """A run has its row."""

    def records_listed(self, listed: int, new: int) -> None:
        """The listing is complete."""

    def work_planned(self, due: int) -> None:
        """So many records are to be processed, as far as is known now; it grows while listing."""

    def record_started(self, recording_id: int, meta: RecordMeta) -> None:
        """A worker took this record."""

    def stage_started(self, recording_id: int, meta: RecordMeta, stage: StageName) -> None:
        """A stage really runs (it was not done before)."""

    def stage_progressed(self, recording_id: int, fraction: float) -> None:
        """The stage at work is this far, 0..1."""

    def stage_finished(
        self, recording_id: int, meta: RecordMeta, stage: StageName, work: StageWork
    ) -> None:
        """A stage ended well."""

    def record_finished(self, outcome: RecordOutcome) -> None:
        """A record is through for this run."""

    def run_finished(self, report: RunReport) -> None:
        """The report is final."""

    def run_given_up(self, exit_code: int, reason: str) -> None:
        """The run was asked to end and did not: the process ends after this, report or not.

        Called on another thread than the run's, and not waited for longer than a second or two.
        """


class Observers(RunObserver):
    """Tells each what it wants to know, and keeps its trouble away from the work."""

    def __init__(self, observers: Sequence[RunObserver]) -> None:
        self._observers = tuple(observers)
        self._concerned: dict[str, Sequence[RunObserver]] = {}

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
        if event not in self._concerned:
            self._concerned[event] = [one for one in self._observers if _overrides(one, event)]
        for observer in self._concerned[event]:
            try:
                getattr(observer, event)(*details)
            except Exception:
                log.exception("observer %s failed at %s; the work goes on", observer, event)


def _overrides(observer: RunObserver, event: str) -> bool:
    return getattr(type(observer), event) is not getattr(RunObserver, event)
