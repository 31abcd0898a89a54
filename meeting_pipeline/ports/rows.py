"""The rows of recordings, runs and statistics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from meeting_pipeline.domain.model import Minutes, RecordMeta, Usage
from meeting_pipeline.domain.stages import (
    Artifact,
    LedgerEntry,
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
    """How many of a listing were new; waiting: not final at the source yet (among both).

    skipped: the new ones that are not for us, each with our number.
    """

    new: int
    known: int
    waiting: int
    skipped: tuple[tuple[int, RecordMeta], ...] = ()


@dataclass(frozen=True)
class DueRecord:
    """A recording that a run shall work on. id: our own number.

    crashes: how many runs in a row ended, without a word, while they were at its present stage.
    """

    id: int
    meta: RecordMeta
    crashes: int = 0


@dataclass(frozen=True)
class Setback:
    """Why a stage did not end well, as ledger and recording will say it.

    made_with: the settings of this run, so that a skip is thought over again once they change.
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
        listed: How many recordings the source lists in the window.
        new: Those of them that have no row yet.
        due: What the run would work on.
    """

    window: Window
    listed: int
    new: tuple[RecordMeta, ...]
    due: tuple[DueRecord, ...]


class RecordingStore(Protocol):
    """The rows of recordings and their ledger. Every method is one committed transaction."""

    def upsert(self, listed: Sequence[RecordMeta]) -> Listed:
        """Rows for what a source listed, by key; writes only what changed.

        Attendance and student_ids are derived here; students whose numbers change are marked stale.
        A finished recording keeps its status; one that was waiting and is final becomes pending.
        """

    def unknown(self, listed: Sequence[RecordMeta]) -> list[RecordMeta]:
        """Those of a listing that have no row yet."""

    def lacking_participants(self, listed: Sequence[RecordMeta]) -> list[RecordMeta]:
        """Those of a listing that are final, not skipped, and whose row knows no participants."""

    def due(self, window: Window | None, made_with: str, limit: int | None) -> list[DueRecord]:
        """What can be worked on now, oldest start first.

        With a window: unfinished recordings in it whose time has come, and those in it that a stage
        finished or skipped with other settings. Without one: unfinished ones of any time, only.
        """

    def due_among(self, listed: Sequence[RecordMeta]) -> list[DueRecord]:
        """What of a listing can be worked on now, oldest start first; it has rows already."""

    def ledger(self, recording_id: int) -> Mapping[StageName, LedgerEntry]:
        """How each stage of a recording stands."""

    def begin_stage(self, recording_id: int, stage: StageName, made_from: str) -> int:
        """Commit that a stage starts, before it does anything; returns its attempt, from 1."""

    def end_stage(self, recording_id: int, stage: StageName, artifact: Artifact) -> None:
        """Commit that a stage is done and the file that it left."""

    def set_back(self, recording_id: int, setback: Setback, status: RecordStatus) -> None:
        """Commit why a stage did not end well, and what that makes the recording.

        A stage that is WAITING gives its attempt back.
        """

    def note_links(self, recording_id: int, link: MediaLink) -> None:
        """Remember the page and the address of a recording that its link tells of."""

    def save(self, recording_id: int, minutes: Minutes) -> None:
        """Replace the texts, segments and phase of a recording; its students become stale."""

    def finish(self, recording_id: int, made_with: str) -> None:
        """Commit that every stage is done with these settings."""

    def spent(self, recording_id: int, run_id: int | None, usage: Usage) -> None:
        """Remember one service call; the same `usage.call` again changes nothing."""


class RunStore(Protocol):
    """Runs, and how far each source is known."""

    def start(self, command: str, window: Window | None) -> int:
        """A row for a run that begins; returns its id."""

    def finish(self, report: RunReport) -> None:
        """Complete the run's row."""

    def usage(self, run_id: int) -> UsageTotals:
        """What the run's calls used in all."""

    def watermark(self, source: str) -> datetime | None:
        """Everything before this is known (aware UTC), or None on the first night."""

    def set_watermark(self, source: str, until: datetime) -> None:
        """Everything before `until` is known now."""

    def move_watermark(self, source: str, until: datetime, *, was: datetime | None) -> bool:
        """Set the watermark if it is still what it was, and return whether that was so.

        Args:
            source: Whose watermark it is.
            until: Everything before this is known now.
            was: What `watermark` said when the listing began.
        """

    def listings(self, command: str) -> list[PastListing]:
        """Return the windows of all runs of a command, oldest run first."""


@dataclass(frozen=True)
class StudentStats:
    """One row of student_stats. total_duration: whole minutes, rounded half up from seconds."""

    student_id: str
    record_cnt: int
    total_duration: int
    last_record_at: datetime | None


class StatsStore(Protocol):
    """student_stats, always recomputed from rows, never counted up."""

    def refresh(self) -> int:
        """Recompute the students marked stale, in one transaction; returns how many."""

    def rebuild(self) -> int:
        """Recompute everybody; returns how many students there are."""

    def differences(self) -> list[tuple[StudentStats | None, StudentStats | None]]:
        """(stored, recomputed) wherever they are not the same; nothing is written."""
