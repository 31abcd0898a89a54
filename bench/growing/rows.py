"""Recordings as a company of three hundred lessons a day would have them, as many as wanted.

The n-th is the same whenever it is made, as what a source lists and as the row the program makes
of it, so that listing it again changes nothing.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import (
    Evidence,
    Minutes,
    Participant,
    RecordKey,
    RecordMeta,
    Segment,
    Summary,
    Transcript,
)

SOURCE = "tencent"
SETTINGS = "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592"
NIGHT = datetime(2026, 2, 1, 19, 0, tzinfo=UTC)
"""When the first measured night begins; everything seeded started before it."""

NEVER = datetime(2099, 1, 1, tzinfo=UTC)
PER_DAY = 300
LENGTH_S = 3600
SESSIONS_OF_A_STUDENT = 50
TEACHERS = 40

_STEP = timedelta(days=1) / PER_DAY
_LASTS, _DONE_AFTER = timedelta(seconds=LENGTH_S), timedelta(hours=9)
_TEACHER, _MEETING, _CODE = "王老师", "14011058192707482917", "445 999 969"
_SCATTERED = 7919  # a prime: the lessons of a student lie all over the years
_SAID = "先把项目经历写具体，再说清楚你做了什么、结果如何，数字要能自己解释。面试官会追问细节。"
_LINES = 520  # about 45 kB of Chinese, an hour's talk
_BOOK = "".join(f"[{n // 60:02d}:{n % 60:02d}] 王老师: {_SAID}\n" for n in range(400))
_LONG, _SHORT, _SUMMARY = 3000, 300, 250  # characters: one text in five lies outside its row
_PHASES = tuple(Phase)

RECORDING_COLUMNS = (
    *("id", "source", "record_id", "meeting_record_id", "meeting_id", "meeting_code", "subject"),
    *("teacher_id", "start_ts", "end_ts", "duration_s", "student_ids", "participants", "phase"),
    *("play_url", "size_bytes", "status", "skip_reason", "next_attempt_at", "made_with"),
    *("created_at", "updated_at", "transcript", "summary"),
)
ATTENDANCE_COLUMNS = ("recording_id", "person", "name", "role", "intervals", "seconds")

Row = tuple[str | int | float | None, ...]


class Company:
    """The first `size` recordings are its past; the nights that are measured come after them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.students = max(size // SESSIONS_OF_A_STUDENT, 1)

    def meta(self, number: int) -> RecordMeta:
        """What the source lists of the n-th recording, from 1."""
        start, teacher, student = self._start(number), _teacher(number), self._student(number)
        end = start + _LASTS
        people = ((teacher, _TEACHER), (student, _name(student)))
        return RecordMeta(
            key=RecordKey(SOURCE, _record_id(number)),
            start_ts=start,
            subject=_subject(number),
            end_ts=end,
            duration_s=float(LENGTH_S),
            meeting_record_id=_record_id(number + 10**9),
            meeting_id=_MEETING,
            meeting_code=_CODE,
            teacher_id=teacher,
            participants=tuple(Participant(*person, start, end) for person in people),
            size_bytes=3 << 30,
            play_url=_play_url(number),
            skip_reason=_skip_reason(number) if number <= self.size else None,
        )

    def recordings(self) -> Iterator[Row]:
        """Rows of `recordings` of the past, RECORDING_COLUMNS each."""
        for number in range(1, self.size + 1):
            begin, end, made = self._times(number)
            teacher, student = _teacher(number), self._student(number)
            status, made_with, again_at = self._standing(number)
            done = status == "done"
            length = _LONG if number % 5 == 0 else _SHORT
            page = number % 900
            yield (
                number,
                SOURCE,
                _record_id(number),
                _record_id(number + 10**9),
                _MEETING,
                _CODE,
                _subject(number),
                teacher,
                _text(begin),
                _text(end),
                LENGTH_S,
                f'["{student}"]',
                f"[{_stay(teacher, _TEACHER, begin, end)}, "
                f"{_stay(student, _name(student), begin, end)}]",
                _PHASES[number % len(_PHASES)] if done else None,
                _play_url(number),
                3 << 30,
                status,
                _skip_reason(number) or ("no_speech" if status == "skipped" else None),
                again_at,
                made_with,
                _text(made),
                _text(made),
                _BOOK[page : page + length] if done else None,
                _BOOK[page : page + _SUMMARY] if done else None,
            )

    def attendance(self) -> Iterator[Row]:
        """Rows of `attendance` of the past, ATTENDANCE_COLUMNS each."""
        for number in range(1, self.size + 1):
            begin, end, _ = self._times(number)
            teacher, student = _teacher(number), self._student(number)
            there = f'[["{begin}", "{end}"]]'
            yield number, student, _name(student), "student", there, LENGTH_S
            yield number, teacher, _TEACHER, "teacher", there, LENGTH_S

    def _times(self, number: int) -> tuple[str, str, str]:
        """Begin, end and when the night had it done, as ISO 8601."""
        start = self._start(number)
        return start.isoformat(), (start + _LASTS).isoformat(), (start + _DONE_AFTER).isoformat()

    def _start(self, number: int) -> datetime:
        """Rounded to whole seconds, as sources do; one _STEP after the other, up to NIGHT."""
        return NIGHT + (number - self.size - 1) * _STEP

    def _student(self, number: int) -> str:
        """Of a night's recordings two are with the same student."""
        one = number
        if number > self.size:
            night, place = divmod(number - self.size - 1, PER_DAY)
            one = night * PER_DAY // 2 + place // 2
        return f"s{one * _SCATTERED % self.students:06d}"

    def _standing(self, number: int) -> tuple[str, str | None, str | None]:
        """Status, made_with and next_attempt_at."""
        if number > self.size - 20:  # of last night, and never due again here
            return "failed", None, _text(NEVER.isoformat())
        if number % 200 == 0:
            return "dead", None, None
        if _skip_reason(number):
            return "skipped", None, None
        if number % 50 == 31:
            return "skipped", SETTINGS, None
        return "done", SETTINGS, None


def talk(number: int) -> Minutes:
    """About 45 kB of Chinese in 520 segments, and what it was about."""
    lines = range(_LINES)
    return Minutes(
        Transcript(
            language="zh",
            engine="whisper",
            model="base",
            segments=tuple(Segment(7.0 * n, 7.0 * n + 6.5, _SAID[n % 20 :]) for n in lines),
            duration_s=float(LENGTH_S),
            coverage=0.97,
        ),
        Summary(
            engine="kimi",
            model="kimi-k2.6",
            title="简历的第一页",
            abstract=_SAID * 3,
            phase=_PHASES[number % len(_PHASES)],
            phase_method="model",
            confidence=0.8,
            prompt="phase/3",
            key_points=(_SAID, _SAID, _SAID),
            evidence=(Evidence(_SAID[:20], 7.0),),
        ),
    )


def _record_id(number: int) -> str:
    return str(18446744073709550000 + number)


def _subject(number: int) -> str:
    return f"简历辅导 第{number}次"


def _teacher(number: int) -> str:
    return f"t{number % TEACHERS:02d}"


def _name(student: str) -> str:
    return f"学员{student[1:]}"


def _play_url(number: int) -> str:
    return f"https://meeting.tencent.com/cw/{number:012x}"


def _skip_reason(number: int) -> str | None:
    return "text_only" if number % 50 == 7 else None


def _stay(person: str, name: str, begin: str, end: str) -> str:
    return (
        f'{{"person_id": "{person}", "name": "{name}", "joined_at": "{begin}", "left_at": "{end}"}}'
    )


def _text(moment: str) -> str:
    """ISO 8601 as both databases take it, UTC understood."""
    return f"{moment[:10]} {moment[11:19]}.000000"
