"""The values that pass through the pipeline, from a listed recording to its summary.

    RecordMeta ─download→ Recording ─extract→ Audio ─transcribe→ Transcript ─summarize→ Summary

All of them are frozen. Times are aware UTC datetimes, names that end with `_s` hold seconds as
float, and ids are text, because those of Tencent have 19 to 20 digits and exceed 2**63.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from meeting_pipeline.domain.enums import Phase


class Role(StrEnum):
    """The role of a person in a session."""

    TEACHER = "teacher"
    STUDENT = "student"


@dataclass(frozen=True)
class RecordKey:
    """The unique identifier of a recording, the same in every run."""

    source: str
    record_id: str

    def __str__(self) -> str:
        return f"{self.source}:{self.record_id}"


@dataclass(frozen=True)
class Participant:
    """One stay of one person in a meeting; a person who rejoins has several.

    Attributes:
        person_id: The user id by the source, or None if it has none for this person.
        name: The display name.
        joined_at: When they joined (aware UTC), or None if the source does not say.
        left_at: When they left (aware UTC), or None if the source does not say.
        role: TEACHER if the source calls them so, else None.
    """

    person_id: str | None
    name: str
    joined_at: datetime | None = None
    left_at: datetime | None = None
    role: Role | None = None

    @property
    def person(self) -> str:
        """Return what this person is counted under: the id, else the display name."""
        return self.person_id or self.name


@dataclass(frozen=True)
class RecordMeta:
    """What a source tells about one recording before it is downloaded.

    Attributes:
        key: The unique identifier.
        start_ts: When the recording starts.
        subject: The title of the meeting.
        end_ts: When the recording ends, or None.
        duration_s: Its length in seconds, or None.
        meeting_record_id: The source's id of the record that this recording is a file of, or None.
        meeting_id: The source's id of the meeting, or None.
        meeting_code: The number that people type to join the meeting, or None.
        teacher_id: The user id of the meeting's owner, or None.
        participants: Every stay of every participant, or None if the source does not know them.
        size_bytes: The size of the media file, or None.
        play_url: A page where people can play the recording, or None.
        download_url: The address of the media without its credential, or None.
        is_final: False while the source still records or transcodes it.
        skip_reason: The code of why it is not processed, if listing tells ("text_only"), or None.
        notes: What the source did not understand or did not believe, a sentence each, for people.
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
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recording:
    """A complete media file in the folder of its recording."""

    path: Path
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Audio:
    """The audio of a recording, mono 16 kHz, which was checked to be complete.

    Attributes:
        path: The file.
        size_bytes: Its size.
        sha256: Its hex digest.
        duration_s: The length of the decoded audio in seconds.
        warnings: Codes of what an operator should know; see `domain.audio_warnings`.
    """

    path: Path
    size_bytes: int
    sha256: str
    duration_s: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Segment:
    """A piece of a transcript, which starts and ends in seconds from the start of the recording."""

    start_s: float
    end_s: float
    text: str
    speaker: str | None = None


@dataclass(frozen=True)
class Transcript:
    """What was said in a recording.

    Attributes:
        language: ISO 639-1 code of the language, "" if it is not known.
        engine: The back end that transcribed it.
        model: The model of that back end.
        segments: The text, in the order of time.
        duration_s: The length of the audio in seconds.
        coverage: The share (0..1) of the detected speech that the segments cover, or None if it
            was not measured.
        warnings: Codes of what an operator should check ("possibly_truncated").
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
        """Return the segments as readable lines, `[mm:ss] speaker: text`."""
        return "\n".join(_line(segment) for segment in self.segments)


def _line(segment: Segment) -> str:
    minutes, seconds = divmod(int(segment.start_s), 60)
    who = f"{segment.speaker}: " if segment.speaker else ""
    return f"[{minutes:02d}:{seconds:02d}] {who}{segment.text}"


@dataclass(frozen=True)
class ActionItem:
    """A task that was agreed on; `who` and `due` are "" if they were not said."""

    what: str
    who: str = ""
    due: str = ""


@dataclass(frozen=True)
class Evidence:
    """A quote from the transcript that supports the phase.

    Attributes:
        quote: The words.
        start_s: When they were said, in seconds from the start of the recording, or None.
    """

    quote: str
    start_s: float | None = None


@dataclass(frozen=True)
class StudentNote:
    """A remark about one student."""

    student: str
    note: str


@dataclass(frozen=True)
class Summary:
    """The summary of a session.

    Attributes:
        engine: "extractive" for the offline rules, else the name of the language-model back end.
        model: The language model, or "textrank" for the rules.
        title: A title of the session.
        abstract: A few sentences about it.
        phase: The coaching phase.
        phase_method: How the phase was determined: "rules" or "model".
        confidence: How certain the phase is, 0..1.
        prompt: Name and version of the prompt, "" for the rules.
        key_points: The main points.
        decisions: What was decided.
        action_items: The tasks that were agreed on.
        student_notes: Remarks about single students.
        evidence: Quotes that support the phase.
        matched_terms: The terms that the phase rules found; empty for a language model.
        dropped_evidence: How many quotes were left out because the transcript does not hold them.
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
    """A transcript and the summary made from it; the store stage writes both into rows."""

    transcript: Transcript
    summary: Summary


@dataclass(frozen=True)
class Usage:
    """What one call of a service used.

    Attributes:
        call: The fingerprint of the call's input; usage stored twice under it counts once.
        kind: "asr" for speech recognition, "llm" for a language model.
        model: The model that was used.
        audio_seconds: Seconds of audio that were sent.
        prompt_tokens: Tokens that were sent.
        completion_tokens: Tokens that were generated.
        cost: In the currency of the price settings, 0.0 if nothing is charged.
    """

    call: str
    kind: str
    model: str
    audio_seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
