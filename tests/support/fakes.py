"""Back ends at the ports: no network, no model, every answer and every failure by order."""

from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import (
    Audio,
    Evidence,
    Participant,
    RecordKey,
    RecordMeta,
    Segment,
    Summary,
    Transcript,
    Usage,
)
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import MeetingError
from meeting_pipeline.ports.media import AudioWanted, ExtractedAudio, MediaInfo
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.ports.sources import MediaLink
from meeting_pipeline.ports.stage_context import StageContext

START = datetime(2026, 1, 5, 11, 30, tzinfo=UTC)
MEDIA = b"\x00\x00\x00\x18ftypM4A " + b"sound" * 400


def meta(number: int, student: str | None = "stu_wang", **changes: object) -> RecordMeta:
    """The n-th recording: one hour, one day after the other, taught by teacher_li."""
    start = START + timedelta(days=number)
    people = [Participant("teacher_li", "李老师")]
    people += [Participant(student, "王小明")] if student else []
    facts: dict[str, object] = {
        "key": RecordKey("fake", f"1333945161827842{number:04d}"),
        "start_ts": start,
        "end_ts": start + timedelta(hours=1),
        "duration_s": 3600.0,
        "subject": f"第{number}课 😀 ');DROP TABLE",
        "teacher_id": "teacher_li",
        "participants": tuple(people),
    }
    return RecordMeta(**{**facts, **changes})  # type: ignore[arg-type]


@dataclass
class FakeSource:
    """Lists what it was given; `trouble` ends the listing after the last record."""

    metas: list[RecordMeta]
    media: Path
    trouble: MeetingError | None = None
    name: str = "fake"
    waiting: int = 0
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    oldest_waiting: datetime | None = None

    def list_records(self, window: Window) -> Iterator[RecordMeta]:
        yield from (m for m in self.metas if window.start <= m.start_ts < window.end)
        if self.trouble:
            raise self.trouble

    def participants(self, meta: RecordMeta) -> tuple[Participant, ...] | None:
        return meta.participants

    def locate(self, meta: RecordMeta) -> MediaLink:
        return MediaLink(self.media.as_uri(), "m4a")


@dataclass
class FakeMedia:
    """Every file is an hour of sound."""

    duration_s: float = 3600.0

    def probe(self, media: Path) -> MediaInfo:
        return MediaInfo(self.duration_s, True, "aac", None)

    def extract(
        self,
        media: Path,
        target: Path,
        audio_format: str,
        progress: Progress,
        accept_damage: bool = False,
    ) -> ExtractedAudio:
        target.write_bytes(media.read_bytes())
        return ExtractedAudio(self.duration_s, array("f", [-20.0] * 40))


Trouble = Callable[[StageContext], MeetingError | Exception | None]


def no_trouble(context: StageContext) -> MeetingError | Exception | None:
    """Everything works."""
    return None


@dataclass
class FakeTranscriber:
    """Says the same in every recording; `trouble` may raise for a record instead."""

    settings: str = "fake model-1"
    audio: AudioWanted = field(default_factory=lambda: AudioWanted("flac"))
    trouble: Trouble = no_trouble
    heard: list[str] = field(default_factory=list)

    def transcribe(self, audio: Audio, context: StageContext) -> Transcript:
        self.heard.append(context.meta.key.record_id)
        if error := self.trouble(context):
            raise error
        context.spent(Usage(f"{context.meta.key}{self.settings}", "asr", "fake", audio.duration_s))
        line = Segment(0.0, 5.0, f"我们来看简历，{self.settings}", "李老师")
        return Transcript("zh", "fake", self.settings, (line,), audio.duration_s, 1.0)

    def close(self) -> None:
        """Nothing to give back."""


@dataclass
class FakeSummarizer:
    """Knows one phase."""

    settings: str = "fake prompt-1"
    trouble: Trouble = no_trouble
    read: list[str] = field(default_factory=list)

    def summarize(self, transcript: Transcript, context: StageContext) -> Summary:
        self.read.append(context.meta.key.record_id)
        if error := self.trouble(context):
            raise error
        return Summary(
            engine="fake",
            model="fake",
            title="改简历",
            abstract="看了简历。",
            phase=Phase.RESUME,
            phase_method="fake",
            confidence=0.9,
            evidence=(Evidence("我们来看简历", 0.0),),
        )
