"""Short lessons of two bursts of sound each, as a company's recordings."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from meeting_pipeline.sandbox.company import Company, Content, Person, Record, RecordFile, Stay
from tests.support.tone_recordings import tone_recording

SECONDS, BURST_S, PERIOD_S = 8.0, 2.0, 4.0
BURSTS = (0, 1)
PEOPLE = (
    Person("admin", "管理员", is_admin=True),
    Person("teacher_0", "王老师"),
    Person("student_0", "学生甲"),
)
SHORT_IS_FINE = {"MIN_DURATION_S": "5"}

BY_FFMPEG = {"ASR_MAX_CHUNK_S": "6"}
"""A lesson is longer than this, so the speech service gets it in pieces, which have to be made."""
_FIRST_ID = 13_339_451_618_278_424_869  # above 2**63


def record_id(number: int) -> str:
    return str(_FIRST_ID + number)


def tone(folder: Path, number: int = 0) -> Path:
    """The sound of lesson `number`, made once for a folder."""
    path = folder / f"{number}.m4a"
    if not path.exists():
        tone_recording(path, SECONDS, number=number, burst_s=BURST_S, period_s=PERIOD_S)
    return path


def large(sound: Path, size_bytes: int) -> bytes:
    """The same recording with a box of noise after it, which players pass over."""
    box = (size_bytes + 8).to_bytes(4, "big") + b"free"
    heard = sound.read_bytes()
    return heard + box + Random(heard).randbytes(size_bytes)


def lesson(number: int, audio: Content | None, **file: Any) -> Record:
    """Lesson `number`, held that many hours after noon the day before yesterday.

    audio: what its file is. file: further fields of its RecordFile.
    """
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    began = (noon - timedelta(days=2) + timedelta(hours=number)).timestamp()
    usual = RecordFile(record_id(number), began, began + SECONDS, audio=audio)
    return Record(
        meeting_record_id=str(_FIRST_ID + 1_000 + number),
        meeting_id=str(_FIRST_ID + 2_000 + number),
        meeting_code="445999969",
        owner="teacher_0",
        subject=f"第{number}课 “简历优化” 🚀",
        started_at=began,
        files=(replace(usual, **file),),
        stays=(Stay("学生甲", began, began + SECONDS, "student_0"),),
    )


def company(*records: Record) -> Company:
    return Company(PEOPLE, records)
