"""One run, from a window of time to a report."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from meeting_pipeline import exit_codes
from meeting_pipeline.batch import Batch, BatchResult
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.stages import Outcome, RunReport, StageName
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import FatalError
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
        known is worked on all the same. Raises only when the rows cannot be reached.
        """
        started = time.monotonic()
        run_id = self.runs.start(order.command, order.window)
        self.observer.run_started(run_id, order.window)

        listing = fetch(self.source, self.recordings, order.window, self.teachers)
        self.observer.records_listed(listing.total, listing.new)
        due = [] if isinstance(listing.trouble, FatalError) else self._due(order)
        self.observer.work_planned(len(due))
        worked = self.batch.process(due, run_id, order.until)
        self.stats.refresh()

        report = self._report(run_id, order, listing, worked, time.monotonic() - started)
        self.runs.finish(report)
        self.observer.run_finished(report)
        return report

    def plan(self, order: Order) -> Plan:
        """What a run would find and do now; writes nothing."""
        listed = list(self.source.list_records(order.window))
        new = self.recordings.unknown(listed)
        return Plan(order.window, len(listed), tuple(new), tuple(self._due(order)))

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
            due=len(worked.outcomes),
            records=worked.outcomes,
            stopped_by=trouble.code if trouble else None,
            exit_code=self._exit_code(listing, worked),
            seconds=round(seconds, 3),
            usage=self.runs.usage(run_id),
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
