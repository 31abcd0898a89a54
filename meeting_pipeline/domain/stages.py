"""The words that ledger, logs, command line and service share."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.timing import Timing
from meeting_pipeline.domain.window import Window

LONGEST_BACK_OFF = timedelta(hours=24)
"""A record that failed is never due later than that; a time further ahead is of a wrong clock."""


class StageName(StrEnum):
    """The steps of one record, in their order."""

    DOWNLOAD = "download"
    EXTRACT = "extract"
    TRANSCRIBE = "transcribe"
    SUMMARIZE = "summarize"
    STORE = "store"


class StageStatus(StrEnum):
    """How a stage stands in the ledger."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"
    SKIPPED = "skipped"
    WAITING = "waiting"


class RecordStatus(StrEnum):
    """How a recording stands.

    waiting: the source has not finished it. pending: known, to be processed. failed: due again at
    its time. dead: failed too often, `meeting retry` reopens it. skipped: not for us, for a reason.
    """

    WAITING = "waiting"
    PENDING = "pending"
    FAILED = "failed"
    DEAD = "dead"
    SKIPPED = "skipped"
    DONE = "done"


@dataclass(frozen=True)
class Artifact:
    """A file a stage left in the record's folder; it is trusted only while size and hash match.

    duration_s: seconds of sound in it, where it is sound.
    """

    name: str
    size_bytes: int
    sha256: str
    duration_s: float | None = None


@dataclass(frozen=True)
class LedgerEntry:
    """How one stage of one recording stands.

    made_from: fingerprint of everything the result depends on.
    attempts: starts since the last success or change of made_from.
    file_removed_at: when we removed its file on purpose; None while it shall be there.
    """

    stage: StageName
    status: StageStatus
    made_from: str
    attempts: int
    artifact: Artifact | None = None
    next_attempt_at: datetime | None = None
    error_code: str | None = None
    message: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    file_removed_at: datetime | None = None

    def is_done(self, made_from: str) -> bool:
        """Whether the stage has been done from exactly this."""
        return self.status is StageStatus.DONE and self.made_from == made_from


@dataclass(frozen=True)
class RunRequest:
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


class Outcome(StrEnum):
    """What became of a due record in one run."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    DEFERRED = "deferred"


@dataclass(frozen=True)
class RecordOutcome:
    """What one run did with one record; stage: the last one it entered, or None."""

    id: int
    source: str
    record_id: str
    subject: str
    status: Outcome
    stage: StageName | None = None
    error_code: str | None = None
    message: str | None = None

    @classmethod
    def of(
        cls,
        recording_id: int,
        meta: RecordMeta,
        status: Outcome,
        stage: StageName | None = None,
        error_code: str | None = None,
        message: str | None = None,
    ) -> "RecordOutcome":
        """Return the outcome of a recording, named as its source names it."""
        key, subject = meta.key, meta.subject
        return cls(
            recording_id, key.source, key.record_id, subject, status, stage, error_code, message
        )


@dataclass(frozen=True)
class UsageTotals:
    """What a run used in all; audio_seconds: sent to speech recognition."""

    audio_seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0


@dataclass(frozen=True)
class RunReport:
    """What one run did; it adds up (see `adds_up`).

    seconds: wall time. stopped_by: the code of the error that ended the run early, or None.
    waiting: seen but not yet complete at the source, so not listed or not due.
    listing_complete: nothing in the window can be missing.
    """

    run_id: int
    window: Window | None
    listed: int
    new: int
    known: int
    due: int
    records: tuple[RecordOutcome, ...]
    exit_code: int
    seconds: float
    waiting: int = 0
    listing_complete: bool = True
    stopped_by: str | None = None
    usage: UsageTotals = field(default_factory=UsageTotals)
    timing: Timing = field(default_factory=Timing)

    def count(self, outcome: Outcome) -> int:
        """How many due records ended this way."""
        return sum(1 for record in self.records if record.status is outcome)

    def adds_up(self) -> bool:
        """listed = new + known, and every due record has exactly one outcome."""
        return self.listed == self.new + self.known and self.due == len(self.records)
