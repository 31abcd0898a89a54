"""The interfaces to the database rows of recordings, runs and statistics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from meeting_pipeline.domain.model import Minutes, RecordMeta, Transcript, Usage
from meeting_pipeline.domain.stages import (
    Artifact,
    LedgerEntry,
    RecordNotes,
    RecordStatus,
    RunReport,
    StageName,
    StageStatus,
    UsageTotals,
)
from meeting_pipeline.domain.watermark import PastListing
from meeting_pipeline.domain.window import Window
from meeting_pipeline.ports.sources import MediaLink


@dataclass(frozen=True)
class Listed:
    """The numbers of a listing that was stored.

    Attributes:
        new: Recordings that had no row.
        known: Recordings that had one.
        waiting: How many of both the source has not finished yet.
        skipped: The new recordings that are not for us, each with our number.
        notes: What the source did not understand about the recordings that have rows.
    """

    new: int
    known: int
    waiting: int
    skipped: tuple[tuple[int, RecordMeta], ...] = ()
    notes: tuple[RecordNotes, ...] = ()


@dataclass(frozen=True)
class DueRecord:
    """A recording that a run has to process.

    Attributes:
        id: Our number of the recording.
        meta: What its source tells about it.
        crashes: How many runs in a row were killed during its present stage.
        accept_damaged: Whether an operator has accepted that it is damaged.
    """

    id: int
    meta: RecordMeta
    crashes: int = 0
    accept_damaged: bool = False


@dataclass(frozen=True)
class StageFailure:
    """The failure, skip or deferral of a stage, as the rows store it.

    Attributes:
        stage: The stage.
        status: Its new status.
        code: The code of the error or reason.
        message: What happened.
        next_attempt_at: When the recording is due again (aware UTC), or None.
        made_with: The fingerprint of the settings of this run. A skipped recording is due again
            once they change. None if it is not skipped.
    """

    stage: StageName
    status: StageStatus
    code: str
    message: str
    next_attempt_at: datetime | None = None
    made_with: str | None = None


@dataclass(frozen=True)
class RunPlan:
    """What a run would do now.

    Attributes:
        window: The time that was listed.
        listed: How many recordings the source lists in the window.
        new: The recordings among them that have no row yet.
        due: The recordings that the run would process.
        notes: What the source does not understand about the new recordings.
        left_out: How many things the source does not list, by reason.
    """

    window: Window
    listed: int
    new: tuple[RecordMeta, ...]
    due: tuple[DueRecord, ...]
    notes: tuple[RecordNotes, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def ready(self) -> tuple[RecordMeta, ...]:
        """Return the new recordings that the source has finished and that are not skipped."""
        return tuple(meta for meta in self.new if meta.is_final and not meta.skip_reason)


class RecordingStore(Protocol):
    """The rows of recordings and their stage ledger; every method commits one transaction."""

    def upsert(self, listed: Sequence[RecordMeta]) -> Listed:
        """Insert or update the rows of listed recordings, and write only what changed.

        Attendance and student_ids are derived here, and students whose numbers change are marked
        stale. A finished recording keeps its status; one that was waiting and is final now becomes
        pending.
        """

    def unknown(self, listed: Sequence[RecordMeta]) -> list[RecordMeta]:
        """Return the listed recordings that have no row yet."""

    def lacking_participants(self, listed: Sequence[RecordMeta]) -> list[RecordMeta]:
        """Return the final, not skipped recordings whose rows hold no participants."""

    def due(self, window: Window | None, made_with: str, limit: int | None) -> list[DueRecord]:
        """Return the recordings that can be processed now, oldest start first.

        Args:
            window: Return the recordings in it that are unfinished and due, or that were finished
                or skipped with other settings. None returns only the unfinished recordings of any
                time.
            made_with: The fingerprint of the present settings.
            limit: The number of recordings at most, or None for all.
        """

    def due_among(self, listed: Sequence[RecordMeta]) -> list[DueRecord]:
        """Return the listed recordings, which have rows, that are due now; oldest start first."""

    def ledger(self, recording_id: int) -> Mapping[StageName, LedgerEntry]:
        """Return the ledger's entries of a recording."""

    def begin_stage(self, recording_id: int, stage: StageName, made_from: str) -> int:
        """Commit that a stage starts, before it does anything, and return the attempt, from 1.

        Args:
            recording_id: Our number of the recording.
            stage: The stage that starts.
            made_from: The fingerprint of everything that its result depends on.
        """

    def end_stage(self, recording_id: int, stage: StageName, artifact: Artifact) -> None:
        """Commit that a stage is done and the file that it left.

        If the file is audio and the source gives no length of the recording, the length of the
        audio becomes the recording's, and end, attendance and statistics follow it.
        """

    def set_back(self, recording_id: int, failure: StageFailure, status: RecordStatus) -> None:
        """Commit that a stage failed, was skipped or was deferred.

        The attempt of a deferred stage (WAITING) does not count.

        Args:
            recording_id: Our number of the recording.
            failure: What happened to the stage.
            status: The new status of the recording.
        """

    def note_links(self, recording_id: int, link: MediaLink) -> None:
        """Store the page and the address of a recording that its media link names."""

    def save_transcript(self, recording_id: int, transcript: Transcript) -> None:
        """Replace the transcript of a recording and its segments."""

    def transcript(self, recording_id: int) -> Transcript | None:
        """Return the stored transcript; None without one."""

    def save(self, recording_id: int, minutes: Minutes) -> None:
        """Replace the transcript, and store the summary as the current version.

        The students of the recording are marked stale. The same summary is not stored again, and a
        phase that was set by hand stays.
        """

    def finish(self, recording_id: int, made_with: str) -> None:
        """Commit that every stage is done with these settings."""

    def spent(self, recording_id: int, run_id: int | None, usage: Usage) -> None:
        """Store what one call used; storing the same `usage.call` again changes nothing."""


class RunStore(Protocol):
    """The rows of runs, and the watermark of each source."""

    def start(self, command: str, window: Window | None) -> int:
        """Insert the row of a run that starts and return its number."""

    def finish(self, report: RunReport) -> None:
        """Complete the row of a run."""

    def usage(self, run_id: int) -> UsageTotals:
        """Return what all calls of a run used."""

    def watermark(self, source: str) -> datetime | None:
        """Return the time (aware UTC) before which a source is known; None on the first night."""

    def move_watermark(self, source: str, until: datetime, *, was: datetime | None) -> bool:
        """Set the watermark unless it has changed meanwhile, and return whether it was set.

        Args:
            source: The name of the source.
            until: The time (aware UTC) before which the source is known now.
            was: What `watermark` returned when the listing began.
        """

    def listings(self, command: str) -> list[PastListing]:
        """Return the listings of all runs of a command, oldest run first."""


@dataclass(frozen=True)
class StudentStats:
    """One row of student_stats.

    Attributes:
        student_id: The id that the student is counted under.
        record_cnt: The number of recordings.
        total_duration: Whole minutes, rounded half up from seconds.
        last_record_at: The start of the latest recording (aware UTC), or None.
    """

    student_id: str
    record_cnt: int
    total_duration: int
    last_record_at: datetime | None


class StatsStore(Protocol):
    """The rows of student_stats, which are recomputed from attendance and never counted up."""

    def refresh(self) -> int:
        """Recompute the students that are marked stale, in one transaction; return how many."""

    def rebuild(self) -> int:
        """Recompute all students and return how many there are."""

    def differences(self) -> list[tuple[StudentStats | None, StudentStats | None]]:
        """Return (stored, recomputed) for each student with a difference, and write nothing."""
