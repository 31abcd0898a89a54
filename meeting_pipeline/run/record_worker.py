"""One record through the stages, and what each error means for it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from meeting_pipeline.domain.model import (
    Audio,
    Recording,
    RecordMeta,
    Summary,
    Transcript,
    Usage,
)
from meeting_pipeline.domain.stages import (
    LONGEST_BACK_OFF,
    Outcome,
    RecordOutcome,
    RecordStatus,
    StageName,
    StageStatus,
)
from meeting_pipeline.errors import (
    ConfigError,
    FatalError,
    FinalError,
    MeetingError,
    RecordError,
    RetryableError,
    SkipRecord,
    Stopped,
)
from meeting_pipeline.ports.job import Job
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.ports.rows import DueRecord, RecordingStore, Setback
from meeting_pipeline.run.gates import Gates
from meeting_pipeline.run.stage_runner import Steps, UntilReached, both, fingerprint, given
from meeting_pipeline.stages.base import Stage
from meeting_pipeline.storage.files import RecordFolder, disk_trouble
from meeting_pipeline.storage.paid_calls import PaidCalls

log = logging.getLogger(__name__)

INTERNAL = "internal"
"""The error code of a bug; its traceback is in the log."""


@dataclass(frozen=True)
class Stages:
    """The five stages of a record, in their order."""

    download: Stage[RecordMeta, Recording]
    extract: Stage[Recording, Audio]
    transcribe: Stage[Audio, Transcript]
    summarize: Stage[Transcript, Summary]
    store: Stage[tuple[Transcript, Summary], None]

    @property
    def made_with(self) -> str:
        """One fingerprint of all settings; a record finished with another one is out of date."""
        stages = (self.download, self.extract, self.transcribe, self.summarize, self.store)
        return fingerprint(*(stage.settings for stage in stages))


@dataclass(frozen=True)
class RetryRules:
    """When a failed record is tried again: after `first_delay`, doubling up to `longest_delay`.

    max_attempts: failures of one stage until the record is dead; a run that ended without a word
    while it was at the stage counts as one.
    """

    max_attempts: int = 5
    first_delay: timedelta = timedelta(minutes=15)
    longest_delay: timedelta = LONGEST_BACK_OFF

    def next_attempt(self, now: datetime, attempt: int) -> datetime | None:
        """When a record whose n-th attempt failed is due again; None when it is dead."""
        if attempt >= self.max_attempts:
            return None
        doublings: int = 2 ** min(attempt - 1, 30)
        return now + min(self.first_delay * doublings, self.longest_delay)


@dataclass(frozen=True)
class RecordWorker:
    """Takes one record after another; several threads may share it, each with its own record."""

    stages: Stages
    store: RecordingStore
    folder: Path
    gates: Gates
    observer: RunObserver
    rules: RetryRules
    now: Callable[[], datetime]

    def process(self, record: DueRecord, run_id: int, until: StageName | None) -> RecordOutcome:
        """Bring one record as far as `until` (None: to its rows), from wherever it stands.

        Raises FatalError when no record can go on; all other trouble is in the outcome.
        """
        self.observer.record_started(record.id, record.meta)
        job, most = self._job(record, run_id), self.rules.max_attempts
        ledger = self.store.ledger(record.id)
        steps = Steps(job, ledger, self.store, self.gates, self.observer, until, most)
        try:
            with disk_trouble(self.folder):
                self._take(steps, record)
        except UntilReached:
            pass
        except Stopped as stop:
            return self._deferred(record, steps, stop)
        except FatalError as fatal:
            self._deferred(record, steps, fatal)
            raise
        except ConfigError as wrong:  # no other record can go on with this setting either
            self._deferred(record, steps, wrong)
            raise FatalError(wrong.code, wrong.message, hint=wrong.hint) from wrong
        except SkipRecord as skip:
            return self._skipped(record, steps, skip)
        except (RetryableError, RecordError) as failure:
            again_at = self._again_at(steps, failure)
            return self._failed(record, steps, failure.code, failure.message, again_at)
        except Exception as bug:
            log.exception("%s: a bug in stage %s", record.meta.key, steps.stage)
            again_at = self.rules.next_attempt(self.now(), max(steps.attempt, 1))
            what = f"{type(bug).__name__}, see the log"
            return self._failed(record, steps, INTERNAL, what, again_at)
        return RecordOutcome.of(record.id, record.meta, Outcome.DONE, steps.stage)

    def _take(self, steps: Steps, record: DueRecord) -> None:
        stages, step = self.stages, steps.step
        meta = given(record.meta, str(record.meta.key))

        recording = step(stages.download, meta)
        audio = step(stages.extract, recording)
        transcript = step(stages.transcribe, audio)
        summary = step(stages.summarize, transcript)
        step(stages.store, both(transcript, summary))

        self.store.finish(record.id, stages.made_with)

    def _job(self, record: DueRecord, run_id: int) -> Job:
        def progress(fraction: float) -> None:
            self.observer.stage_progressed(record.id, fraction)

        def spent(usage: Usage) -> None:
            self.store.spent(record.id, run_id, usage)

        folder = RecordFolder(self.folder, record.meta.key)
        PaidCalls(folder).tidy()
        return Job(record.id, record.meta, folder, progress, spent)

    def _again_at(self, steps: Steps, failure: RetryableError | RecordError) -> datetime | None:
        """When it is due again: by our rules, and when the other side asked for.

        What asks for longer than our longest delay is tried again after that.
        """
        now = self.now()
        again_at = self.rules.next_attempt(now, max(steps.attempt, 1))
        if again_at is None or isinstance(failure, FinalError):
            return None
        asked_s = failure.retry_after_s if isinstance(failure, RetryableError) else None
        asked = timedelta(seconds=min(asked_s or 0.0, self.rules.longest_delay.total_seconds()))
        return max(again_at, now + asked)

    def _failed(
        self,
        record: DueRecord,
        steps: Steps,
        code: str,
        message: str,
        again_at: datetime | None,
    ) -> RecordOutcome:
        stage_status = StageStatus.FAILED if again_at else StageStatus.DEAD
        status = RecordStatus.FAILED if again_at else RecordStatus.DEAD
        setback = Setback(steps.stage, stage_status, code, message, again_at)
        return self._set_back(record, setback, status, Outcome.FAILED)

    def _skipped(self, record: DueRecord, steps: Steps, skip: SkipRecord) -> RecordOutcome:
        setback = Setback(
            steps.stage,
            StageStatus.SKIPPED,
            skip.code,
            skip.message,
            made_with=self.stages.made_with,
        )
        return self._set_back(record, setback, RecordStatus.SKIPPED, Outcome.SKIPPED)

    def _deferred(self, record: DueRecord, steps: Steps, reason: MeetingError) -> RecordOutcome:
        setback = Setback(steps.stage, StageStatus.WAITING, reason.code, reason.message)
        return self._set_back(record, setback, RecordStatus.PENDING, Outcome.DEFERRED)

    def _set_back(
        self, record: DueRecord, setback: Setback, status: RecordStatus, outcome: Outcome
    ) -> RecordOutcome:
        self.store.set_back(record.id, setback, status)
        return RecordOutcome.of(
            record.id, record.meta, outcome, setback.stage, setback.code, setback.message
        )
