"""The log of a run: one line for each listing, stage and record."""

import logging
from collections.abc import Mapping
from dataclasses import asdict

from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.stages import Outcome, RecordOutcome, RunReport, StageName
from meeting_pipeline.domain.timing import StageWork
from meeting_pipeline.domain.window import Window
from meeting_pipeline.ports.observer import RunObserver

log = logging.getLogger(__name__)

_SHOWN_FROM_S = 0.05


class RunLog(RunObserver):
    """Writes the events of a run to the log, with ids, counts and durations.

    A line names a record by its ids, never by its title. The same values are attached as fields for
    log lines in JSON (see `runtime.logs.FIELDS`).
    """

    def __init__(self) -> None:
        self._run_id: int | None = None

    def run_started(self, run_id: int, window: Window | None) -> None:
        self._run_id = run_id
        span = f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC" if window else ""
        self._log_event("run_started", {}, "run %d: listing %s", run_id, span)

    def records_listed(self, listed: int, new: int) -> None:
        counts = {"listed": listed, "new": new}
        message = "listed %d recordings, %d of them new"
        self._log_event("records_listed", {"counts": counts}, message, listed, new)

    def work_planned(self, due: int) -> None:
        message = "%d records are due so far"
        self._log_event("work_planned", {"counts": {"due": due}}, message, due)

    def record_started(self, recording_id: int, meta: RecordMeta) -> None:
        fields = _named(recording_id, meta)
        self._log_event("record_started", fields, "#%d is %s", recording_id, meta.key)

    def stage_started(self, recording_id: int, meta: RecordMeta, stage: StageName) -> None:
        fields = _named(recording_id, meta) | {"stage": stage}
        self._log_event("stage_started", fields, "#%d %s starts", recording_id, stage)

    def stage_finished(
        self, recording_id: int, meta: RecordMeta, stage: StageName, work: StageWork
    ) -> None:
        seconds, waited_s = round(work.seconds, 3), round(work.waited_s, 3)
        fields = _named(recording_id, meta) | {"stage": stage}
        fields |= {"seconds": seconds, "waited_s": waited_s, "bytes": work.size_bytes}
        waited = f", waited {waited_s:.1f} s" if waited_s >= _SHOWN_FROM_S else ""
        message = "#%d %s done in %.1f s%s"
        self._log_event("stage_finished", fields, message, recording_id, stage, seconds, waited)

    def record_finished(self, outcome: RecordOutcome) -> None:
        where = f" at {outcome.stage}" if outcome.stage else ""
        reason = f"{where}: {outcome.error_code}" if outcome.error_code else ""
        level = logging.WARNING if outcome.status is Outcome.FAILED else logging.INFO
        fields = {
            "recording_id": outcome.id,
            "record": f"{outcome.source}:{outcome.record_id}",
            "stage": outcome.stage,
            "status": outcome.status,
            "error_code": outcome.error_code,
        }
        message = "#%d %s%s"
        self._log_event(
            "record_finished", fields, message, outcome.id, outcome.status, reason, level=level
        )

    def run_finished(self, report: RunReport) -> None:
        if report.timing.slowest:
            self._log_timing(report)
        counts = {outcome.value: report.count(outcome) for outcome in Outcome}
        fields = {
            "seconds": report.seconds,
            "error_code": report.stopped_by,
            "counts": {
                "listed": report.listed,
                "new": report.new,
                "known": report.known,
                "due": report.due,
                **counts,
                **asdict(report.usage),
                "exit_code": report.exit_code,
            },
        }
        self._log_event(
            "run_finished",
            fields,
            "run %d ended after %.1f s: %d due = %s; exit code %d",
            report.run_id,
            report.seconds,
            report.due,
            ", ".join(f"{number} {outcome}" for outcome, number in counts.items()),
            report.exit_code,
        )

    def _log_timing(self, report: RunReport) -> None:
        timing = report.timing
        in_use = {
            str(gate.resource): round(gate.occupancy(report.seconds), 3)
            for gate in timing.gates
            if gate.entries
        }
        self._log_event(
            "run_timed",
            {"slowest": timing.slowest, "lower_bound_s": timing.lower_bound_s, "in_use": in_use},
            "run %d: slowest is %s, lower bound %.1f s; in use: %s",
            report.run_id,
            timing.slowest,
            timing.lower_bound_s,
            ", ".join(f"{name} {share:.0%}" for name, share in in_use.items()),
        )

    def _log_event(
        self,
        event: str,
        fields: Mapping[str, object],
        message: str,
        *values: object,
        level: int = logging.INFO,
    ) -> None:
        log.log(level, message, *values, extra={"event": event, "run_id": self._run_id, **fields})


def _named(recording_id: int, meta: RecordMeta) -> dict[str, object]:
    return {"recording_id": recording_id, "record": str(meta.key)}
