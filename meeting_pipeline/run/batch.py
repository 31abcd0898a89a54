"""Many records at once, each still taken through its stages by one sequential worker."""

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

_CRASHES_TOGETHER = 1  # once anybody may have been under way when a run was killed


@dataclass(frozen=True)
class BatchResult:
    """One outcome per record, in the order they were given; fatal: what ended it early, or None."""

    outcomes: tuple[RecordOutcome, ...]
    fatal: FatalError | None


class Batch:
    """Keeps up to `jobs` records in flight; one is the plain sequential worker, same code.

    A record at which run after run has ended without a word has nobody beside it.
    """

    def __init__(
        self, worker: RecordWorker, gates: Gates, observer: RunObserver, jobs: int
    ) -> None:
        self._worker = worker
        self._gates = gates
        self._observer = observer
        self._jobs = jobs
        self._fatal: FatalError | None = None

    def process(
        self, records: Iterable[DueRecord], run_id: int, until: StageName | None
    ) -> BatchResult:
        """Every record gets an outcome; a fatal error ends the work and defers what is left.

        records: read no further ahead than twice `jobs`, so it may still be growing.
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
            return _deferred(record, reason, "the run ended before its turn")
        return self._worker.process(record, run_id, until)


def _leave(room: threading.Semaphore, places: int, _: object) -> None:
    room.release(places)


def _deferred(record: DueRecord, code: str, message: str) -> RecordOutcome:
    return RecordOutcome.of(
        record.id, record.meta, Outcome.DEFERRED, error_code=code, message=message
    )
