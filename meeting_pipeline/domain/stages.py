"""Stages, statuses, outcomes and reports: the terms that ledger, logs and commands share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.timing import Timing
from meeting_pipeline.domain.window import Window

LONGEST_BACK_OFF = timedelta(hours=24)
"""The longest time until a failed record is due; a later time was set by a wrong clock."""


class StageName(StrEnum):
    """The stages of one record, in their order."""

    DOWNLOAD = "download"
    EXTRACT = "extract"
    TRANSCRIBE = "transcribe"
    SUMMARIZE = "summarize"
    STORE = "store"


class StageStatus(StrEnum):
    """The status of a stage in the ledger."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"
    SKIPPED = "skipped"
    WAITING = "waiting"


class RecordStatus(StrEnum):
    """The status of a recording.

    Attributes:
        WAITING: The source has not finished it.
        PENDING: It is to be processed.
        FAILED: A stage failed; it is due again at a later time.
        DEAD: A stage failed too often; `meeting retry` makes it pending.
        SKIPPED: It is not processed, for a reason that will not change.
        DONE: Every stage is done.
    """

    WAITING = "waiting"
    PENDING = "pending"
    FAILED = "failed"
    DEAD = "dead"
    SKIPPED = "skipped"
    DONE = "done"


@dataclass(frozen=True)
class Artifact:
    """A file that a stage left in the recording's folder, trusted while size and hash match.

    Attributes:
        name: The file's name.
        size_bytes: Its size.
        sha256: Its hex digest.
        duration_s: The length of the audio in it in seconds, or None.
    """

    name: str
    size_bytes: int
    sha256: str
    duration_s: float | None = None


@dataclass(frozen=True)
class LedgerEntry:
    """The ledger's entry for one stage of one recording.

    Attributes:
        stage: The stage.
        status: Its status.
        made_from: The fingerprint of everything that the result depends on.
        attempts: How often it was started since the last success or change of `made_from`.
        artifact: The file that it left, or None.
        next_attempt_at: When a failed stage is due again (aware UTC), or None.
        error_code: The code of the last error, or None.
        message: The message of the last error, or None.
        started_at: When the last attempt started (aware UTC), or None.
        finished_at: When it ended (aware UTC), or None.
        file_removed_at: When retention removed its file (aware UTC), or None while the file is
            expected to exist.
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
        """Return whether the stage is done, with this fingerprint."""
        return self.status is StageStatus.DONE and self.made_from == made_from

    @property
    def seconds(self) -> float | None:
        """Return how long the last attempt took; None until it has ended."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    @property
    def artifact_removed_at(self) -> datetime | None:
        """Return when we removed its published file on purpose; None while it shall be there."""
        return self.file_removed_at if self.artifact else None


@dataclass(frozen=True)
class RunRequest:
    """What a run is asked to do.

    Attributes:
        command: The command that asks, for the run's row.
        window: The time that is listed.
        work: Whether due records are processed, too.
        until: The last stage to run, or None for all of them.
        everywhere: Whether records outside the window are processed, too, if they are due.
        limit: The number of records to process at most, or None for no limit.
    """

    command: str
    window: Window
    work: bool = True
    until: StageName | None = None
    everywhere: bool = False
    limit: int | None = None


class Outcome(StrEnum):
    """The result of one run for a due record."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    DEFERRED = "deferred"


@dataclass(frozen=True)
class RecordOutcome:
    """What one run did with one record.

    Attributes:
        id: Our number of the recording.
        source: The name of its source.
        record_id: Its id at the source.
        subject: The title of the meeting.
        status: The result.
        stage: The last stage that was started, or None.
        error_code: The code of the error or of the reason to skip it, or None.
        message: What happened, or that a record that is done is incomplete; else None.
    """

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
class RecordNotes:
    """What the source did not understand about one listed recording; see `RecordMeta.notes`.

    `record_id` is None for what it left out, which is no recording.
    """

    source: str
    record_id: str | None
    subject: str
    notes: tuple[str, ...]

    @classmethod
    def of(cls, meta: RecordMeta) -> "RecordNotes":
        """Return the notes of a recording, named as its source names it."""
        return cls(meta.key.source, meta.key.record_id, meta.subject, meta.notes)


@dataclass(frozen=True)
class UsageTotals:
    """What all calls of a run used together; see `Usage`."""

    audio_seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0


@dataclass(frozen=True)
class RunReport:
    """What one run did.

    Attributes:
        run_id: The number of the run.
        window: The time that was listed, or None.
        listed: How many recordings were listed.
        new: How many of them were new.
        known: How many of them were known before.
        due: How many recordings were to be processed.
        records: What became of each of these.
        exit_code: The exit code of the process.
        seconds: Wall time in seconds.
        waiting: How many recordings were seen that the source has not finished yet.
        listing_complete: Whether no recording in the window can be missing.
        stopped_by: The code of what ended the run early, or None.
        usage: What the calls of services used.
        timing: Where the time went.
        notes: What the source did not understand, of each listed recording where that is anything.
        left_out: How many things the source did not list, by reason.
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
    notes: tuple[RecordNotes, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    def count(self, outcome: Outcome) -> int:
        """Return how many due records had this outcome."""
        return sum(1 for record in self.records if record.status is outcome)

    def adds_up(self) -> bool:
        """Return whether listed = new + known, and every due record has exactly one outcome."""
        return self.listed == self.new + self.known and self.due == len(self.records)
