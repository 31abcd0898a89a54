"""Values that answer what people ask about recordings, students, runs and the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from meeting_pipeline.domain.audio_warnings import INCOMPLETE
from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import Summary, Transcript, Usage
from meeting_pipeline.domain.stages import LedgerEntry, RecordStatus, StageName
from meeting_pipeline.domain.students import Attendance
from meeting_pipeline.domain.window import Window


@dataclass(frozen=True)
class RecordingFilter:
    """Which recordings to show; a field that is not set does not restrict.

    Attributes:
        failed: Failed or dead recordings.
        due: Recordings with something to do now; with `failed` too, either of them.
        since: Recordings that started at this aware time or later.
        student: The id or a name of a student who was there.
        until: Recordings that started before this aware time.
        phase: Recordings in this phase.
        limit: The largest number of recordings, newest first; None for all.
    """

    failed: bool = False
    due: bool = False
    since: datetime | None = None
    student: str | None = None
    until: datetime | None = None
    phase: Phase | None = None
    limit: int | None = None


@dataclass(frozen=True)
class RecordingView:
    """A recording without its texts.

    Attributes:
        id: Our own number.
        record_id: The id that the source gave it.
        start_ts: Aware UTC, as all times here.
        participants_known: False when the source does not tell who was there.
        notes: What the source did not understand; see `RecordMeta`.
        accept_damaged: Whether an operator has accepted that it is damaged and incomplete.
        next_attempt_at: When a failed recording is due again.
        stages: The ledger entry of each stage that has started.
    """

    id: int
    source: str
    record_id: str
    meeting_id: str | None
    meeting_code: str | None
    subject: str
    teacher_id: str | None
    start_ts: datetime
    end_ts: datetime | None
    duration_s: float | None
    student_ids: tuple[str, ...]
    participants_known: bool
    status: RecordStatus
    phase: Phase | None
    skip_reason: str | None
    next_attempt_at: datetime | None
    stages: Mapping[StageName, LedgerEntry]
    notes: tuple[str, ...] = ()
    accept_damaged: bool = False

    @property
    def remark(self) -> str | None:
        """Return why it was skipped, that it is known to be incomplete, or None."""
        if self.status is RecordStatus.DONE and self.accept_damaged:
            return INCOMPLETE
        return self.skip_reason


@dataclass(frozen=True)
class RecordingDetail:
    """Everything about one recording; transcript and summary are None until they are stored."""

    recording: RecordingView
    play_url: str | None
    size_bytes: int | None
    attendance: tuple[Attendance, ...]
    transcript: Transcript | None
    summary: Summary | None
    usage: tuple[Usage, ...]

    @property
    def cost(self) -> float:
        """Return what all calls cost, in the currency of the price settings."""
        return sum(usage.cost for usage in self.usage)


@dataclass(frozen=True)
class ExportedRecording:
    """A recording with what an export tells of it.

    Attributes:
        recording: The recording without its texts.
        teachers: Names of the teachers, in the order of their ids.
        students: Names of the students, in the order of their ids.
        summary: Readable text; None until it is stored.
        transcript: Readable text; None until it is stored, or when it was not asked for.
    """

    recording: RecordingView
    teachers: tuple[str, ...]
    students: tuple[str, ...]
    summary: str | None
    transcript: str | None


@dataclass(frozen=True)
class StudentView:
    """The numbers of one student.

    Attributes:
        name: The last name under which the student was listed, that of a device only for want of
            another.
        record_cnt: How many recordings the student attended.
        total_duration: Attended time in whole minutes.
        phases: How many of the recordings are in each phase.
    """

    student_id: str
    name: str
    record_cnt: int
    total_duration: int
    last_record_at: datetime | None
    phases: Mapping[Phase, int]


@dataclass(frozen=True)
class StatisticsBasis:
    """What student statistics are made from, to tell why there are none.

    Attributes:
        recordings: How many recordings there are.
        done: How many of them have a summary, and therefore count.
        participants_known: How many have participants that the source told.
        skipped: How many were skipped, by reason.
        students: How many attendances of students there are.
    """

    recordings: int
    done: int
    participants_known: int
    skipped: Mapping[str, int]
    students: int


@dataclass(frozen=True)
class RunView:
    """A run; `finished_at` and what follows it are None while it runs or when it was killed."""

    id: int
    command: str
    window: Window | None
    started_at: datetime
    finished_at: datetime | None
    exit_code: int | None
    stopped_by: str | None
    due: int | None
    done: int | None
    failed: int | None
    skipped: int | None
    deferred: int | None


@dataclass(frozen=True)
class Backup:
    """A backup of the embedded database that was read back and found whole."""

    path: Path
    size_bytes: int
    recordings: int


@dataclass(frozen=True)
class SchemaStatus:
    """The schema of a database beside the one that this program needs.

    Attributes:
        current: The revision of the database; None when it has no tables of ours.
        needed: The revision that this program works with.
        is_known: Whether this program can upgrade from the current revision.
    """

    current: str | None
    needed: str
    is_known: bool

    @property
    def is_current(self) -> bool:
        """Return whether the program can work with the database as it is."""
        return self.current == self.needed
