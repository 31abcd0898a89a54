"""Transcripts and jobs for tests of summaries."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from meeting_pipeline.domain.model import Participant, RecordKey, RecordMeta, Segment, Transcript
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.storage.files import RecordFolder

SECONDS_PER_LINE = 5.0


def transcript(lines: Sequence[str], language: str = "zh", *, speakers: bool = True) -> Transcript:
    """One segment of five seconds for each line; "老师: …" names a speaker."""
    segments = (
        _segment(number * SECONDS_PER_LINE, line, speakers) for number, line in enumerate(lines)
    )
    return Transcript(language, "script", "none", tuple(segments), len(lines) * SECONDS_PER_LINE)


def summary_job(folder: Path, subject: str = "", names: Iterable[str] = ()) -> StageContext:
    key = RecordKey("folder", "20250106100005445999")
    participants = tuple(Participant(None, name) for name in names)
    start = datetime(2026, 1, 5, 11, 30, tzinfo=UTC)
    meta = RecordMeta(key, start, subject=subject, participants=participants)
    return StageContext(1, meta, RecordFolder(folder, key), no_progress, lambda usage: None)


def _segment(start_s: float, line: str, speakers: bool) -> Segment:
    speaker, colon, text = line.partition(": ")
    if not colon:
        return Segment(start_s, start_s + SECONDS_PER_LINE, line)
    return Segment(start_s, start_s + SECONDS_PER_LINE, text, speaker if speakers else None)
