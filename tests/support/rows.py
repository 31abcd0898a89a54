"""Recordings, minutes and a clock for tests that write rows."""

from datetime import UTC, datetime, timedelta
from typing import Any

from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import (
    ActionItem,
    Evidence,
    Minutes,
    Participant,
    RecordKey,
    RecordMeta,
    Segment,
    StudentNote,
    Summary,
    Transcript,
)
from meeting_pipeline.domain.window import Window
from meeting_pipeline.ports.rows import RunStore

MONDAY = datetime(2026, 1, 5, 11, 30, tzinfo=UTC)
ALL_TIME = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
SETTINGS = "settings-1"
TEACHER = "王老师"


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 2, 1, 19, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, **by: float) -> None:
        self.now += timedelta(**by)


def stay(person: str, minutes: float = 60, start: datetime = MONDAY) -> Participant:
    return Participant(f"id_{person}", person, start, start + timedelta(minutes=minutes))


def meta(number: int = 1, **changes: Any) -> RecordMeta:
    """One hour of 王老师 with 李雷; numbers are 20 digits long and start a day apart."""
    start = MONDAY + timedelta(days=number)
    known: dict[str, Any] = {
        "key": RecordKey("tencent", str(18446744073709550000 + number)),
        "start_ts": start,
        "subject": f"简历辅导 第{number}次",
        "duration_s": 3600.0,
        "meeting_id": "14011058192707482917",
        "meeting_code": "445 999 969",
        "teacher_id": "id_王老师",
        "participants": (stay("王老师", start=start), stay("李雷", start=start)),
        "size_bytes": 3 << 30,
        "play_url": "https://meeting.tencent.com/cw/2xYz",
    }
    return RecordMeta(**{**known, **changes})


def minutes(phase: Phase = Phase.RESUME, text: str = "先把项目经历写具体。") -> Minutes:
    transcript = Transcript(
        language="zh",
        engine="whisper",
        model="base",
        segments=(
            Segment(0.0, 2.345, "你好😀，我们看简历。", "王老师"),
            Segment(2.345, 9.5, text, None),
        ),
        duration_s=3599.5,
        coverage=0.97,
        warnings=("possibly_truncated",),
    )
    summary = Summary(
        engine="extractive",
        model="",
        title="简历的第一页",
        abstract="两人改了简历。",
        phase=phase,
        phase_method="rules",
        confidence=0.8,
        prompt="phase/3",
        key_points=("项目经历要有数字",),
        decisions=("投三家公司",),
        action_items=(ActionItem("改简历", "李雷", "周五"),),
        student_notes=(StudentNote("李雷", "进步很大"),),
        evidence=(Evidence("我们看简历", 0.0),),
        matched_terms=("简历",),
        dropped_evidence=1,
    )
    return Minutes(transcript, summary)


def set_watermark(runs: RunStore, source: str, until: datetime) -> None:
    """Have a source known until then, whatever was known of it before."""
    assert runs.move_watermark(source, until, was=runs.watermark(source))
