"""What people ask about recordings, students and runs: answers, as `meeting` shows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import Summary, Transcript, Usage
from meeting_pipeline.domain.stages import LedgerEntry, RecordStatus, StageName
from meeting_pipeline.domain.students import Attendance
from meeting_pipeline.domain.window import Window


@dataclass(frozen=True)
class RecordingFilter:
    """Which recordings to show; what is not asked for does not restrict.

    failed: failed or dead. due: to be worked on now; with `failed` too, either of them.
    since: started then or later, aware. student: the id or a name of somebody who learned there.
    until: started before that.
    after: (start_ts, id) of the last one seen, to go on from there.
    """

    failed: bool = False
    due: bool = False
    since: datetime | None = None
    student: str | None = None
    until: datetime | None = None
    phase: Phase | None = None
    after: tuple[datetime, int] | None = None
    limit: int | None = None


@dataclass(frozen=True)
class RecordingView:
    """One recording, without its texts. participants_known: False when the source will not say."""

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


@dataclass(frozen=True)
class ExportedRecording:
    """One recording with what an export tells of it.

    teachers, students: how they are called, in the order of their ids. summary, transcript: as
    readable text; None until they are stored, or where they were not asked for.
    """

    recording: RecordingView
    teachers: tuple[str, ...]
    students: tuple[str, ...]
    summary: str | None
    transcript: str | None


@dataclass(frozen=True)
class StudentView:
    """One student's numbers. name: the last one known. total_duration: whole minutes.

    phases: how many of the recordings are in each phase.
    """

    student_id: str
    name: str
    record_cnt: int
    total_duration: int
    last_record_at: datetime | None
    phases: Mapping[Phase, int]


@dataclass(frozen=True)
class RunView:
    """One run. finished_at and what comes after it: None while it runs, or when it was killed."""

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
