"""A run, from a time window to a report."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from meeting_pipeline import exit_codes
from meeting_pipeline.domain.stages import Outcome, RecordNotes, RunReport, RunRequest
from meeting_pipeline.errors import FatalError
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.ports.rows import (
    RecordingStore,
    RunPlan,
    RunStore,
    StatsStore,
)
from meeting_pipeline.ports.sources import RecordingSource
from meeting_pipeline.run.batch import Batch, BatchResult
from meeting_pipeline.run.due_records import DueRecords
from meeting_pipeline.run.observers.stopwatch import Stopwatch
from meeting_pipeline.run.record_worker import INTERNAL

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pipeline:
    """A configured pipeline: it lists, processes records in a batch, and reports.

    Attributes:
        source: What is listed.
        recordings: The rows of recordings.
        runs: The rows of runs.
        stats: The rows of student_stats.
        batch: Processes the records.
        observer: Receives the events of the run.
        stopwatch: Measures the stages; `observer` passes it their events.
        teachers: The teacher list.
        made_with: The fingerprint of all stage settings.
        stop_code: Returns the exit code of what asked the run to end, or None.
        stop_reason: Returns the code of what asked the run to end, or None.
    """

    source: RecordingSource
    recordings: RecordingStore
    runs: RunStore
    stats: StatsStore
    batch: Batch
    observer: RunObserver
    stopwatch: Stopwatch
    teachers: Sequence[str]
    made_with: str
    stop_code: Callable[[], int | None]
    stop_reason: Callable[[], str | None] = lambda: None

    def run(self, request: RunRequest) -> RunReport:
        """List, process what is due, refresh the statistics, and report.

        If the listing breaks off, the report says so (`stopped_by`), and the records that are known
        are processed all the same unless the error is fatal.

        Args:
            request: What the run is asked to do.

        Raises:
            FatalError: The run cannot begin.
            ConfigError: The source does not work with these settings; the run's row is complete.
        """
        started = time.monotonic()
        run_id = self.runs.start(request.command, request.window)
        self.observer.run_started(run_id, request.window)

        due = self._due_records(request)
        worked = self.batch.process(due, run_id, request.until)
        seconds = time.monotonic() - started

        report = self._closed(self._report(run_id, request, due, worked, seconds))
        self.observer.run_finished(report)
        if due.wrong:
            raise due.wrong
        return report

    def plan(self, request: RunRequest) -> RunPlan:
        """Return what a run would list and process now, and store nothing."""
        listed = list(self.source.list_records(request.window))
        new = self.recordings.unknown(listed)
        return RunPlan(
            request.window,
            len(listed),
            tuple(new),
            tuple(self._due_records(request).due()),
            notes=(*(RecordNotes.of(meta) for meta in new if meta.notes), *self._left_out()),
            left_out=self.source.left_out,
        )

    def _closed(self, report: RunReport) -> RunReport:
        """Refresh the statistics, complete the run's row, and return the report with its usage.

        If the database is not available, the report says so instead.
        """
        try:
            self.stats.refresh()
            report = replace(report, usage=self.runs.usage(report.run_id))
            self.runs.finish(report)
        except FatalError as trouble:
            log.error("the row of this run cannot be completed: %s", trouble)
            stopped_by = report.stopped_by or trouble.code
            return replace(report, stopped_by=stopped_by, exit_code=exit_codes.STOPPED_EARLY)
        return report

    def _left_out(self) -> Iterator[RecordNotes]:
        """Yield what the source left out of its listing, which is of no recording."""
        if self.source.notes:
            yield RecordNotes(self.source.name, None, "", self.source.notes)

    def _due_records(self, request: RunRequest) -> DueRecords:
        return DueRecords(
            request, self.source, self.recordings, self.observer, self.teachers, self.made_with
        )

    def _report(
        self, run_id: int, request: RunRequest, due: DueRecords, worked: BatchResult, seconds: float
    ) -> RunReport:
        listing, trouble = due.listing, worked.fatal or due.wrong or due.listing.trouble
        records = listing.skipped + worked.outcomes
        return RunReport(
            run_id=run_id,
            window=request.window,
            listed=listing.total,
            new=listing.new,
            known=listing.known,
            waiting=listing.waiting + self.source.waiting,
            listing_complete=not (listing.trouble or due.wrong),
            due=len(records),
            records=records,
            stopped_by=self.stop_reason() or (trouble.code if trouble else None),
            exit_code=self._exit_code(due, worked),
            seconds=round(seconds, 3),
            timing=self.stopwatch.timing(seconds),
            notes=(*listing.notes, *self._left_out()),
            left_out=self.source.left_out,
        )

    def _exit_code(self, due: DueRecords, worked: BatchResult) -> int:
        stopped, trouble = self.stop_code(), due.listing.trouble
        failures = [record for record in worked.outcomes if record.status is Outcome.FAILED]
        if stopped is not None:
            return stopped
        if due.wrong:
            return exit_codes.CONFIG
        if worked.fatal or isinstance(trouble, FatalError):
            return exit_codes.STOPPED_EARLY
        if any(record.error_code == INTERNAL for record in failures):
            return exit_codes.BUG
        return exit_codes.RECORDS_FAILED if failures or trouble else exit_codes.OK
