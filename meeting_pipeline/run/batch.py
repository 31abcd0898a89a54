"""Several records in flight, each processed by one sequential worker."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from meeting_pipeline.domain.stages import Outcome, RecordOutcome, StageName
from meeting_pipeline.errors import FatalError
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.ports.rows import DueRecord
from meeting_pipeline.run.gates import Gates
from meeting_pipeline.run.record_worker import RecordWorker

_CRASHES_TOGETHER = 1  # a run that was killed once may have been killed by any record in flight


@dataclass(frozen=True)
class BatchResult:
    """The result of a batch.

    Attributes:
        outcomes: One outcome for each record, in the order of the records.
        fatal: The error that ended the batch early, or None.
    """

    outcomes: tuple[RecordOutcome, ...]
    fatal: FatalError | None


class Batch:
    """Keeps several records in flight; with one, it processes them sequentially, by the same code.

    A record during which several runs in a row were killed is processed alone.
    """

    def __init__(
        self, worker: RecordWorker, gates: Gates, observer: RunObserver, jobs: int
    ) -> None:
        """Create the batch.

        Args:
            worker: Processes one record; it is called by several threads.
            gates: The gates of the run, which are closed after a fatal error.
            observer: Receives the outcome of each record.
            jobs: The number of records in flight at most.
        """
        self._worker = worker
        self._gates = gates
        self._observer = observer
        self._jobs = jobs
        self._fatal: FatalError | None = None

    def process(
        self, records: Iterable[DueRecord], run_id: int, until: StageName | None
    ) -> BatchResult:
        """Process the records; a fatal error ends the work and defers the remaining ones.

        Args:
            records: The records. It is read at most twice `jobs` ahead, so the source may still be
                listing them.
            run_id: The number of the run.
            until: The last stage to run, or None for all of them.
        """
        with ThreadPoolExecutor(self._jobs, thread_name_prefix="record") as pool:
            futures = list(self._submit(pool, records, run_id, until))
        return BatchResult(tuple(future.result() for future in futures), self._fatal)

    def _submit(
        self,
        pool: ThreadPoolExecutor,
        records: Iterable[DueRecord],
        run_id: int,
        until: StageName | None,
    ) -> Iterator[Future[RecordOutcome]]:
        places = 2 * self._jobs
        room = threading.Semaphore(places)
        for record in records:
            needed = places if record.crashes > _CRASHES_TOGETHER else 1
            for _ in range(needed):
                room.acquire()
            future = pool.submit(self._take, record, run_id, until)
            future.add_done_callback(partial(_leave, room, needed))
            yield future

    def _take(self, record: DueRecord, run_id: int, until: StageName | None) -> RecordOutcome:
        try:
            outcome = self._process(record, run_id, until)
        except FatalError as error:
            self._fatal = self._fatal or error
            self._gates.close()
            outcome = _deferred(record, error.code, error.message)
        self._observer.record_finished(outcome)
        return outcome

    def _process(self, record: DueRecord, run_id: int, until: StageName | None) -> RecordOutcome:
        if self._gates.closed.is_set():
            reason = self._fatal.code if self._fatal else "stopped"
            return _deferred(record, reason, "the run ended before this record was started")
        return self._worker.process(record, run_id, until)


def _leave(room: threading.Semaphore, places: int, _: object) -> None:
    room.release(places)


def _deferred(record: DueRecord, code: str, message: str) -> RecordOutcome:
    return RecordOutcome.of(
        record.id, record.meta, Outcome.DEFERRED, error_code=code, message=message
    )
