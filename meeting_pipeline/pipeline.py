"""One run, from a window of time to a report."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from meeting_pipeline import exit_codes
from meeting_pipeline.batch import Batch, BatchResult
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.stages import Outcome, RunReport, StageName
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import ConfigError, FatalError
from meeting_pipeline.events import RunObserver
from meeting_pipeline.ports import (
    DueRecord,
    RecordingSource,
    RecordingStore,
    RunStore,
    StatsStore,
)
from meeting_pipeline.record_worker import INTERNAL
from meeting_pipeline.stages.fetch import Listing, fetch

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """What a run is asked to do.

    command: who asks, for the run's row. window: what is listed.
    work: process due records too, up to and including `until` (None: to their rows).
    everywhere: what is due whichever window it came from. limit: at most so many records.
    """

    command: str
    window: Window
    work: bool = True
    until: StageName | None = None
    everywhere: bool = False
    limit: int | None = None


@dataclass(frozen=True)
class Plan:
    """What a run would do now. new: listed and without a row yet."""

    window: Window
    listed: int
    new: tuple[RecordMeta, ...]
    due: tuple[DueRecord, ...]


@dataclass(frozen=True)
class Pipeline:
    """The source, the rows and the batch, put together.

    made_with: the fingerprint of all stage settings. stop_code: the exit code of a signal that
    asked the run to end, or None.
    """

    source: RecordingSource
    recordings: RecordingStore
    runs: RunStore
    stats: StatsStore
    batch: Batch
    observer: RunObserver
    teachers: Sequence[str]
    made_with: str
    stop_code: Callable[[], int | None]

    def run(self, order: Order) -> RunReport:
        """List, process what is due, refresh the statistics, report.

        A listing that breaks off is in the report (`stopped_by`); unless nothing can go on, what is
        known is worked on all the same. Raises FatalError when no run can begin, and ConfigError
        when the source cannot work as it is set; the run's row is closed then, too.
        """
        started = time.monotonic()
        run_id = self.runs.start(order.command, order.window)
        self.observer.run_started(run_id, order.window)

        listing = self._list(run_id, order)
        self.observer.records_listed(listing.total, listing.new)
        due = [] if isinstance(listing.trouble, FatalError) else self._due(order)
        self.observer.work_planned(len(due))
        worked = self.batch.process(due, run_id, order.until)

        report = self._report(run_id, order, listing, worked, time.monotonic() - started)
        report = self._closed(report)
        self.observer.run_finished(report)
        return report

    def plan(self, order: Order) -> Plan:
        """What a run would find and do now; no recording becomes a row."""
        listed = list(self.source.list_records(order.window))
        new = self.recordings.unknown(listed)
        return Plan(order.window, len(listed), tuple(new), tuple(self._due(order)))

    def _closed(self, report: RunReport) -> RunReport:
        """The report with the statistics refreshed and its row complete, if the rows are there."""
        try:
            self.stats.refresh()
            report = replace(report, usage=self.runs.usage(report.run_id))
            self.runs.finish(report)
        except FatalError as trouble:
            log.error("the run's own row is not complete: %s", trouble)
            stopped_by = report.stopped_by or trouble.code
            return replace(report, stopped_by=stopped_by, exit_code=exit_codes.STOPPED_EARLY)
        return report

    def _list(self, run_id: int, order: Order) -> Listing:
        try:
            return fetch(self.source, self.recordings, order.window, self.teachers)
        except ConfigError as wrong:
            report = self._report(run_id, order, Listing(), BatchResult((), None), 0.0)
            report = replace(report, stopped_by=wrong.code, exit_code=exit_codes.CONFIG)
            self._closed(replace(report, listing_complete=False))
            raise

    def _due(self, order: Order) -> list[DueRecord]:
        if not order.work:
            return []
        window = None if order.everywhere else order.window
        return self.recordings.due(window, self.made_with, order.limit)

    def _report(
        self, run_id: int, order: Order, listing: Listing, worked: BatchResult, seconds: float
    ) -> RunReport:
        trouble = worked.fatal or listing.trouble
        return RunReport(
            run_id=run_id,
            window=order.window,
            listed=listing.total,
            new=listing.new,
            known=listing.known,
            waiting=listing.waiting + self.source.waiting,
            listing_complete=listing.trouble is None,
            due=len(listing.skipped + worked.outcomes),
            records=listing.skipped + worked.outcomes,
            stopped_by=trouble.code if trouble else None,
            exit_code=self._exit_code(listing, worked),
            seconds=round(seconds, 3),
        )

    def _exit_code(self, listing: Listing, worked: BatchResult) -> int:
        stopped = self.stop_code()
        failures = [record for record in worked.outcomes if record.status is Outcome.FAILED]
        if stopped is not None:
            return stopped
        if worked.fatal or isinstance(listing.trouble, FatalError):
            return exit_codes.STOPPED_EARLY
        if any(record.error_code == INTERNAL for record in failures):
            return exit_codes.BUG
        return exit_codes.RECORDS_FAILED if failures or listing.trouble else exit_codes.OK
