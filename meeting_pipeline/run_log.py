"""The run as log lines: one per listing, stage and record, with ids, counts and durations."""

import logging

from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.stages import Outcome, RecordOutcome, RunReport, StageName
from meeting_pipeline.domain.timing import StageWork
from meeting_pipeline.domain.window import Window
from meeting_pipeline.events import RunObserver

log = logging.getLogger(__name__)

_WORTH_SAYING_S = 0.05


class RunLog(RunObserver):
    """Titles and text stay out: a line names a record by its ids."""

    def run_started(self, run_id: int, window: Window | None) -> None:
        span = f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC" if window else ""
        log.info("run %d: listing %s", run_id, span)

    def records_listed(self, listed: int, new: int) -> None:
        log.info("listed %d recordings, %d of them new", listed, new)

    def work_planned(self, due: int) -> None:
        log.info("%d records are due so far", due)

    def record_started(self, recording_id: int, meta: RecordMeta) -> None:
        log.info("#%d is %s", recording_id, meta.key)

    def stage_started(self, recording_id: int, meta: RecordMeta, stage: StageName) -> None:
        log.info("#%d %s starts", recording_id, stage)

    def stage_finished(
        self, recording_id: int, meta: RecordMeta, stage: StageName, work: StageWork
    ) -> None:
        waited = f", waited {work.waited_s:.1f} s" if work.waited_s >= _WORTH_SAYING_S else ""
        log.info("#%d %s done in %.1f s%s", recording_id, stage, work.seconds, waited)

    def record_finished(self, outcome: RecordOutcome) -> None:
        where = f" at {outcome.stage}" if outcome.stage else ""
        reason = f"{where}: {outcome.error_code}" if outcome.error_code else ""
        level = logging.WARNING if outcome.status is Outcome.FAILED else logging.INFO
        log.log(level, "#%d %s%s", outcome.id, outcome.status, reason)

    def run_finished(self, report: RunReport) -> None:
        counts = ", ".join(f"{report.count(outcome)} {outcome}" for outcome in Outcome)
        log.info(
            "run %d ended after %.1f s: %d due = %s; exit code %d",
            report.run_id,
            report.seconds,
            report.due,
            counts,
            report.exit_code,
        )
        if report.timing.slowest:
            gates = [gate for gate in report.timing.gates if gate.entries]
            log.info(
                "run %d: slowest is %s, lower bound %.1f s; in use: %s",
                report.run_id,
                report.timing.slowest,
                report.timing.lower_bound_s,
                ", ".join(
                    f"{gate.resource} {gate.occupancy(report.seconds):.0%} of {gate.slots}"
                    for gate in gates
                ),
            )
