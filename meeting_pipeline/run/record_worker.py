"""The worker that takes one record through the stages, and what each error means for it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from meeting_pipeline.domain.audio_warnings import incomplete_in_words
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
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.ports.rows import DueRecord, RecordingStore, StageFailure
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.run.gates import Gates
from meeting_pipeline.run.stage_runner import StageRunner, UntilReached, both, fingerprint, given
from meeting_pipeline.run.words import in_the_operators_words
from meeting_pipeline.stages.base import Stage
from meeting_pipeline.storage.files import RecordFolder, disk_trouble
from meeting_pipeline.storage.paid_calls import PaidCalls

log = logging.getLogger(__name__)

INTERNAL = "internal"
"""The error code of a bug, whose traceback is in the log."""


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
        """Return the fingerprint of all settings; a record finished with another is out of date."""
        stages = (self.download, self.extract, self.transcribe, self.summarize, self.store)
        return fingerprint(*(stage.settings for stage in stages))


@dataclass(frozen=True)
class RetryRules:
    """When a failed record is tried again.

    Attributes:
        max_attempts: The failures of one stage after which the record is dead; a run that was
            killed during the stage counts as one.
        first_delay: The delay after the first failure; it doubles with each further one.
        longest_delay: The limit of the delay.
    """

    max_attempts: int = 5
    first_delay: timedelta = timedelta(minutes=15)
    longest_delay: timedelta = LONGEST_BACK_OFF

    def next_attempt(self, now: datetime, attempt: int) -> datetime | None:
        """Return when a record is due again whose N-th attempt failed; None if it is dead now.

        Args:
            now: The current time.
            attempt: The number of the attempt, from 1.
        """
        if attempt >= self.max_attempts:
            return None
        doublings: int = 2 ** min(attempt - 1, 30)
        return now + min(self.first_delay * doublings, self.longest_delay)


@dataclass(frozen=True)
class RecordWorker:
    """Processes one record at a time; several threads may share it, each with its own record.

    Attributes:
        file_name: Returns the name by which people know the file of a recording, or None.
    """

    stages: Stages
    store: RecordingStore
    folder: Path
    gates: Gates
    observer: RunObserver
    rules: RetryRules
    now: Callable[[], datetime]
    file_name: Callable[[RecordMeta], str | None] = lambda meta: None

    def process(self, record: DueRecord, run_id: int, until: StageName | None) -> RecordOutcome:
        """Run the stages of one record that are not done yet, and return the outcome.

        Args:
            record: The record.
            run_id: The number of the run.
            until: The last stage to run, or None for all of them.

        Raises:
            FatalError: No record can be processed; any other error is in the outcome.
        """
        self.observer.record_started(record.id, record.meta)
        context, most = self._context(record, run_id), self.rules.max_attempts
        ledger = self.store.ledger(record.id)
        in_words = partial(self._in_words, record.meta)
        runner = StageRunner(
            context, ledger, self.store, self.gates, self.observer, until, most, in_words
        )
        warnings: Sequence[str] = ()
        try:
            with disk_trouble(self.folder):
                warnings = self._take(runner, record)
        except UntilReached:
            pass
        except Stopped as stop:
            return self._deferred(record, runner, stop)
        except FatalError as fatal:
            self._deferred(record, runner, fatal)
            raise FatalError(fatal.code, in_words(fatal.message), hint=fatal.hint) from fatal
        except ConfigError as wrong:  # no other record can be processed with this setting either
            self._deferred(record, runner, wrong)
            raise FatalError(wrong.code, in_words(wrong.message), hint=wrong.hint) from wrong
        except SkipRecord as skip:
            return self._skipped(record, runner, skip)
        except (RetryableError, RecordError) as failure:
            again_at = self._again_at(runner, failure)
            return self._failed(record, runner, failure.code, failure.message, again_at)
        except Exception as bug:
            log.exception("%s: a bug in stage %s", record.meta.key, runner.stage)
            again_at = self.rules.next_attempt(self.now(), max(runner.attempt, 1))
            what = f"unexpected {type(bug).__name__}, see the log"
            return self._failed(record, runner, INTERNAL, what, again_at)
        remark = incomplete_in_words(warnings)
        return RecordOutcome.of(record.id, record.meta, Outcome.DONE, runner.stage, message=remark)

    def _take(self, runner: StageRunner, record: DueRecord) -> Sequence[str]:
        """Take a record through the stages; return the warnings about what is incomplete."""
        stages, step = self.stages, runner.step
        meta = given(record.meta, str(record.meta.key))

        recording = step(stages.download, meta)
        audio = step(stages.extract, recording)
        transcript = step(stages.transcribe, audio)
        summary = step(stages.summarize, transcript)
        step(stages.store, both(transcript, summary))

        warnings = transcript.value().warnings if record.accept_damaged else ()
        self.store.finish(record.id, stages.made_with)
        return warnings

    def _context(self, record: DueRecord, run_id: int) -> StageContext:
        def progress(fraction: float) -> None:
            self.observer.stage_progressed(record.id, fraction)

        def spent(usage: Usage) -> None:
            self.store.spent(record.id, run_id, usage)

        folder = RecordFolder(self.folder, record.meta.key)
        PaidCalls(folder).tidy()
        accepted = record.accept_damaged
        return StageContext(record.id, record.meta, folder, progress, spent, accepted)

    def _again_at(
        self, runner: StageRunner, failure: RetryableError | RecordError
    ) -> datetime | None:
        """Return when the record is due again: by our rules, and not before the service asked for.

        A service that asks for more than our longest delay is called again after that delay.
        """
        now = self.now()
        again_at = self.rules.next_attempt(now, max(runner.attempt, 1))
        if again_at is None or isinstance(failure, FinalError):
            return None
        asked_s = failure.retry_after_s if isinstance(failure, RetryableError) else None
        asked = timedelta(seconds=min(asked_s or 0.0, self.rules.longest_delay.total_seconds()))
        return max(again_at, now + asked)

    def _failed(
        self,
        record: DueRecord,
        runner: StageRunner,
        code: str,
        message: str,
        again_at: datetime | None,
    ) -> RecordOutcome:
        stage_status = StageStatus.FAILED if again_at else StageStatus.DEAD
        status = RecordStatus.FAILED if again_at else RecordStatus.DEAD
        failure = StageFailure(runner.stage, stage_status, code, message, again_at)
        return self._set_back(record, failure, status, Outcome.FAILED)

    def _skipped(self, record: DueRecord, runner: StageRunner, skip: SkipRecord) -> RecordOutcome:
        failure = StageFailure(
            runner.stage,
            StageStatus.SKIPPED,
            skip.code,
            skip.message,
            made_with=self.stages.made_with,
        )
        return self._set_back(record, failure, RecordStatus.SKIPPED, Outcome.SKIPPED)

    def _deferred(
        self, record: DueRecord, runner: StageRunner, reason: MeetingError
    ) -> RecordOutcome:
        failure = StageFailure(runner.stage, StageStatus.WAITING, reason.code, reason.message)
        return self._set_back(record, failure, RecordStatus.PENDING, Outcome.DEFERRED)

    def _set_back(
        self, record: DueRecord, failure: StageFailure, status: RecordStatus, outcome: Outcome
    ) -> RecordOutcome:
        failure = replace(failure, message=self._in_words(record.meta, failure.message))
        self.store.set_back(record.id, failure, status)
        return RecordOutcome.of(
            record.id, record.meta, outcome, failure.stage, failure.code, failure.message
        )

    def _in_words(self, meta: RecordMeta, message: str) -> str:
        return in_the_operators_words(message, self.file_name(meta) or str(meta.key))
