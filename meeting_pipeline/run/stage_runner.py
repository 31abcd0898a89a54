"""The common treatment of every stage of a record: load its result if it is done, else run it.

A stage is done once for the same `made_from`, a chained fingerprint of the record, the stage, its
settings and everything upstream. A change of the speech model therefore runs transcribe and what
follows again, and nothing before it. A result is loaded only when a later stage needs it.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.nap import sleep_using_event
from tenacity.wait import wait_random_exponential

from meeting_pipeline.domain.stages import Artifact, LedgerEntry, StageName, StageStatus
from meeting_pipeline.domain.timing import StageWork
from meeting_pipeline.errors import FinalError, RetryableError
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.ports.rows import RecordingStore
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.run.gates import Gates
from meeting_pipeline.stages.base import Restorable, Stage

log = logging.getLogger(__name__)

In = TypeVar("In")
Out = TypeVar("Out")
Other = TypeVar("Other")

_TRIES = 3  # of one stage within a run; after them, a later run tries again
_PATIENCE_S = 120.0  # a run does not wait longer; a later run tries again
_BACK_OFF = wait_random_exponential(multiplier=2, max=30)


@dataclass(frozen=True)
class StageResult(Generic[Out]):
    """The result of a stage; `value()` loads it, or makes it again if its file is missing."""

    made_from: str
    value: Callable[[], Out]


def given(value: Out, made_from: str) -> StageResult[Out]:
    """Return a value as the result that the first stage starts from."""
    return StageResult(fingerprint(made_from), lambda: value)


def both(first: StageResult[Out], second: StageResult[Other]) -> StageResult[tuple[Out, Other]]:
    """Return two results as one; the second was made from the first."""
    return StageResult(second.made_from, lambda: (first.value(), second.value()))


def fingerprint(*parts: str) -> str:
    """Return the hash of these texts in this order."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class UntilReached(Exception):
    """The last requested stage is done."""


class StageRunner:
    """Runs the stages of one record, each once.

    Attributes:
        stage: The stage that was started last.
        attempt: The number of that start, from 1.
    """

    def __init__(
        self,
        context: StageContext,
        ledger: Mapping[StageName, LedgerEntry],
        store: RecordingStore,
        gates: Gates,
        observer: RunObserver,
        until: StageName | None,
        most_crashes: int,
        in_words: Callable[[str], str],
    ) -> None:
        """Create the runner of one record.

        Args:
            context: The record.
            ledger: The entries of its stages.
            store: Where the ledger is.
            gates: The gates of the run.
            observer: Receives the start and end of each stage.
            until: The last stage to run, or None for all of them.
            most_crashes: The number of runs killed during a stage after which it is not started
                again.
            in_words: Names the file of the record in a message as people know it.
        """
        self.stage = StageName.DOWNLOAD
        self.attempt = 0
        self._context = context
        self._in_words = in_words
        self._store = store
        self._gates = gates
        self._observer = observer
        self._until = until
        self._most_crashes = most_crashes
        self._ledger = ledger

    def step(self, stage: Stage[In, Out], upstream: StageResult[In]) -> StageResult[Out]:
        """Return the result of a stage, which is run unless it is done.

        Args:
            stage: The stage.
            upstream: The result of the stage before it.

        Raises:
            UntilReached: This was the last requested stage.
            FinalError: Too many runs were killed during this stage ("crashed").
            MeetingError: The stage failed.
        """
        made_from = fingerprint(upstream.made_from, stage.name, stage.settings)
        entry = self._ledger.get(stage.name)
        if entry and entry.artifact and entry.is_done(made_from):
            result = StageResult(
                made_from, partial(self._load, stage, upstream, entry, entry.artifact)
            )
        else:
            artifact = self._run(stage, upstream, made_from)
            result = StageResult(made_from, partial(stage.load, artifact, self._context))
        if stage.name is self._until:
            raise UntilReached
        return result

    def _load(
        self,
        stage: Stage[In, Out],
        upstream: StageResult[In],
        entry: LedgerEntry,
        artifact: Artifact,
    ) -> Out:
        if not self._context.folder.holds(artifact):
            self._say_gone(entry, artifact)
            artifact = self._restored(stage) or self._run(stage, upstream, entry.made_from)
        return stage.load(artifact, self._context)

    def _restored(self, stage: Stage[In, Out]) -> Artifact | None:
        """Return the file of a stage that is done, written again from rows, if they hold it."""
        artifact = stage.restore(self._context) if isinstance(stage, Restorable) else None
        if artifact is not None:
            self._store.end_stage(self._context.recording_id, stage.name, artifact)
        return artifact

    def _say_gone(self, entry: LedgerEntry, artifact: Artifact) -> None:
        key, name = self._context.meta.key, artifact.name
        if entry.file_removed_at:
            log.info("%s: %s was removed by retention; making it again", key, name)
        else:
            log.warning("%s: %s is missing or damaged; making it again", key, name)

    def _run(self, stage: Stage[In, Out], upstream: StageResult[In], made_from: str) -> Artifact:
        value = upstream.value()
        self._gates.check_open()
        self.stage = stage.name
        number, meta = self._context.recording_id, self._context.meta
        self._check_survived(self._ledger.get(stage.name), made_from)
        self.attempt = self._store.begin_stage(number, stage.name, made_from)
        self._observer.stage_started(number, meta, stage.name)
        started, waited_s = time.monotonic(), self._gates.waited_s()
        artifact = self._retrying(lambda: stage.run(value, self._context))
        waited_s = self._gates.waited_s() - waited_s
        seconds = time.monotonic() - started - waited_s
        self._store.end_stage(number, stage.name, artifact)
        work = StageWork(seconds, waited_s, artifact.size_bytes, artifact.name)
        self._observer.stage_finished(number, meta, stage.name, work)
        return artifact

    def _check_survived(self, before: LedgerEntry | None, made_from: str) -> None:
        if before is None or before.status is not StageStatus.RUNNING:
            return
        if before.made_from == made_from and before.attempts >= self._most_crashes:
            raise FinalError(
                "crashed",
                f"{before.attempts} runs were killed during this stage",
                hint="look in the system log for what killed them (memory?), then retry it alone",
            )

    def _retrying(self, attempt: Callable[[], Artifact]) -> Artifact:
        return Retrying(
            retry=retry_if_exception(_worth_waiting),
            wait=_as_asked,
            stop=stop_after_attempt(_TRIES),
            sleep=sleep_using_event(self._gates.closed),
            before_sleep=self._say_why,
            reraise=True,
        )(attempt)

    def _say_why(self, state: RetryCallState) -> None:
        wait_s = state.next_action.sleep if state.next_action else 0.0
        message = self._in_words(str(state.outcome.exception() if state.outcome else ""))
        log.warning("%s: %s; trying again in %.0f s", self._context.meta.key, message, wait_s)


def _worth_waiting(trouble: BaseException) -> bool:
    return (
        isinstance(trouble, RetryableError)
        and trouble.within_run
        and (trouble.retry_after_s or 0.0) <= _PATIENCE_S
    )


def _as_asked(state: RetryCallState) -> float:
    trouble = state.outcome.exception() if state.outcome else None
    asked = trouble.retry_after_s if isinstance(trouble, RetryableError) else None
    return _BACK_OFF(state) if asked is None else asked
