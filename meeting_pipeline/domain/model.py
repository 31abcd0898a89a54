"""The values that flow through the pipeline, from a listed recording to its summary.

    RecordMeta ─download→ Recording ─extract→ Audio ─transcribe→ Transcript ─summarize→ Summary

All are frozen. Times are aware UTC datetimes; `*_s` are seconds as float; ids are text, because
Tencent's have 19-20 digits and exceed 2**63.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from meeting_pipeline.domain.enums import Phase


class Role(StrEnum):
    """What a person is in a session."""

    TEACHER = "teacher"
    STUDENT = "student"


@dataclass(frozen=True)
class RecordKey:
    """The natural key of a recording: the same key is the same recording, in every run."""

    source: str
    record_id: str

    def __str__(self) -> str:
        return f"{self.source}:{self.record_id}"


@dataclass(frozen=True)
class Participant:
    """One stay of one person in a meeting; who rejoins appears again.

    person_id: the source's user id, or None for a person it does not know.
    joined_at, left_at: aware UTC, or None where the source does not say.
    """

    person_id: str | None
    name: str
    joined_at: datetime | None = None
    left_at: datetime | None = None

    @property
    def person(self) -> str:
        """The word this person is counted under: the id, else the display name."""
        return self.person_id or self.name


@dataclass(frozen=True)
class RecordMeta:
    """What a source says about one recording before anything is downloaded.

    participants: every stay, or None where the source does not know who was there.
    is_final: False while the source still records or transcodes it.
    play_url: a page for people; download_url: without its credential.
    """

    key: RecordKey
    start_ts: datetime
    subject: str = ""
    end_ts: datetime | None = None
    duration_s: float | None = None
    meeting_record_id: str | None = None
    meeting_id: str | None = None
    meeting_code: str | None = None
    teacher_id: str | None = None
    participants: tuple[Participant, ...] | None = None
    size_bytes: int | None = None
    play_url: str | None = None
    download_url: str | None = None
    is_final: bool = True
    skip_reason: str | None = None
    """Why the source knows already that this one is not for us ("text_only"), or None."""


@dataclass(frozen=True)
class Recording:
    """A whole media file in the record's folder."""

    path: Path
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Audio:
    """The sound of a recording, mono 16 kHz, checked to be whole.

    duration_s: decoded length in seconds.
    """

    path: Path
    size_bytes: int
    sha256: str
    duration_s: float


@dataclass(frozen=True)
class Segment:
    """A stretch of speech; start_s and end_s are seconds from the start of the recording."""

    start_s: float
    end_s: float
    text: str
    speaker: str | None = None


@dataclass(frozen=True)
class Transcript:
    """What was said.

    coverage: share (0..1) of the detected speech that the segments cover, or None if not measured.
    warnings: codes of doubts an operator should see ("possibly_truncated").
    """

    language: str
    engine: str
    model: str
    segments: tuple[Segment, ...]
    duration_s: float
    coverage: float | None = None
    warnings: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The segments as readable lines, `[mm:ss] speaker: text`."""
        return "\n".join(_line(segment) for segment in self.segments)


def _line(segment: Segment) -> str:
    minutes, seconds = divmod(int(segment.start_s), 60)
    who = f"{segment.speaker}: " if segment.speaker else ""
    return f"[{minutes:02d}:{seconds:02d}] {who}{segment.text}"


@dataclass(frozen=True)
class ActionItem:
    """Something somebody agreed to do; who and due are "" where nobody said."""

    what: str
    who: str = ""
    due: str = ""


@dataclass(frozen=True)
class Evidence:
    """Words from the transcript that support the phase; start_s: where they were said, seconds."""

    quote: str
    start_s: float | None = None


@dataclass(frozen=True)
class StudentNote:
    """One remark about one student."""

    student: str
    note: str


@dataclass(frozen=True)
class Summary:
    """What a session was about.

    engine: "extractive" for the offline rules, else the name of the language-model back end.
    prompt: name and version of the prompt, "" for the rules.
    confidence: 0..1. matched_terms: the words the phase rules found (rules only).
    dropped_evidence: quotes that were not found in the transcript and were left out.
    """

    engine: str
    model: str
    title: str
    abstract: str
    phase: Phase
    phase_method: str
    confidence: float
    prompt: str = ""
    key_points: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    action_items: tuple[ActionItem, ...] = ()
    student_notes: tuple[StudentNote, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    matched_terms: tuple[str, ...] = ()
    dropped_evidence: int = 0


@dataclass(frozen=True)
class Minutes:
    """A transcript and the summary made from it: what the store stage turns into rows."""

    transcript: Transcript
    summary: Summary


@dataclass(frozen=True)
class Usage:
    """What one paid or counted call used.

    call: a fingerprint of the call's input, so that writing it twice is writing it once.
    cost: in the currency of the price settings, 0.0 where nothing is charged.
    """

    call: str
    kind: str
    model: str
    audio_seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
