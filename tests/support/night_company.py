"""A company with sixty recordings over seventy days, and the changes that happen to recordings.

Fifty-four rows of the list, every ninth of two files; file n is tone recording n.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from meeting_pipeline.sandbox.company import (
    Change,
    Company,
    Person,
    Record,
    RecordFile,
    RecordKind,
    Stay,
)
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.transcription import burst_text
from tests.support.tone_recordings import tone_recording

DAY = 86_400.0
DAYS = 70
ROWS = 54
FILES = 60
SECONDS = 32.0
BURST_S, PERIOD_S = 2.0, 10.0
ADMIN = Person("admin", "管理员", is_admin=True)
TEACHERS = tuple(
    Person(f"teacher_{n}", name) for n, name in enumerate(("王老师", "李老师", "赵老师"))
)
STUDENTS = tuple(Person(f"student_{n}", f"学生{name}") for n, name in enumerate("甲乙丙丁戊己庚辛"))
SUBJECTS = (
    "简历优化 第一次",
    "项目深挖 🚀 “数据库”",
    "模拟面试'); DROP TABLE recordings;--",
    "../../etc/录用通知",
)
BIG_ID = 13_339_451_618_278_424_869  # above 2**63
SMALL_ID = 1_367_354_711_193_030_656


@dataclass(frozen=True)
class Night:
    """The company and the expected result. All ids are record_file_ids.

    Attributes:
        company: The people and recordings.
        whole: Available tonight, each once.
        arriving: Enters the list after its first page, so tonight or the next night.
        late: Not available before `late_after`.
        late_after: Unix seconds.
        closed: Listed, but the owner does not allow downloads.
        deleted: Deleted during the listing.
        number: The number of the tone recording of each file.
        faults: A link that expires half way, and one that is refused.
    """

    company: Company
    whole: frozenset[str]
    arriving: frozenset[str]
    late: frozenset[str]
    late_after: float
    closed: frozenset[str]
    deleted: frozenset[str]
    number: dict[str, int]
    faults: tuple[Fault, ...]


def night(folder: Path, now: float) -> Night:
    """Return a night that starts at `now`. Media is generated in the folder unless it is there."""
    media = [_tone(folder / f"{number}.m4a", number) for number in range(FILES)]
    records = [_record(place, now, media) for place in range(ROWS)]
    *listed, arriving = records
    vanishing = records[10:40:15]
    late = [one for one in records if max(one.ready_at, one.appears_at) > now]
    tonight = [one for one in listed if one not in late and one not in vanishing]
    changes = (
        Change(1, add=(arriving,)),
        Change(2, delete=tuple(one.meeting_record_id for one in vanishing)),
    )
    twins = [_twin(record) for record in listed[::3]]
    return Night(
        company=Company([ADMIN, *TEACHERS, *STUDENTS], [*listed, *twins], changes),
        whole=_ids(tonight, allowed=True),
        arriving=_ids([arriving], allowed=True),
        late=_ids(late, allowed=True),
        late_after=max(max(one.ready_at, one.appears_at) for one in late),
        closed=_ids(records, allowed=False),
        deleted=_ids(vanishing, allowed=True),
        number={_file_id(number): number for number in range(FILES)},
        faults=(
            Fault(Kind.EXPIRES_AFTER, "media", calls=(5,), amount=20_000),
            Fault(Kind.FORBIDDEN, "media", calls=(11,)),
        ),
    )


def _tone(path: Path, number: int) -> Path:
    if path.exists():
        return path
    return tone_recording(path, SECONDS, number=number, burst_s=BURST_S, period_s=PERIOD_S)


def _file_id(number: int) -> str:
    return str((BIG_ID, SMALL_ID)[number % 2] + 1_000 + number)


def _ids(records: list[Record], *, allowed: bool) -> frozenset[str]:
    files = [file for record in records for file in record.files]
    return frozenset(file.record_file_id for file in files if file.allow_download == allowed)


def _record(place: int, now: float, media: list[Path]) -> Record:
    started_at = float(int(now - DAYS * DAY + (place + 0.5) * DAYS * DAY / ROWS))
    first = place // 9 * 10 + place % 9
    numbers = [first, first + 1] if place % 9 == 8 else [first]
    files = tuple(
        _file(place, number, started_at + part * 60, media[number])
        for part, number in enumerate(numbers)
    )
    recurring = place % 12 == 5
    teacher, student = TEACHERS[place % len(TEACHERS)], STUDENTS[place % len(STUDENTS)]
    if recurring:
        teacher = TEACHERS[0]
    return Record(
        meeting_record_id=str((SMALL_ID, BIG_ID)[place % 2] + place),
        meeting_id=str(BIG_ID + 500_000 + (ROWS if recurring else place)),
        meeting_code=str(445_000_000 + (ROWS if recurring else place)),
        owner=teacher.userid,
        subject=SUBJECTS[place % len(SUBJECTS)],
        started_at=started_at,
        files=files,
        sub_meeting_id=str(int(started_at)) if recurring else "",
        stays=tuple(_stays(teacher, student, started_at, files[-1].ended_at)),
        ready_at=now + 3 * 3_600 if place in (51, 52) else 0.0,
        appears_at=now + DAY if place == 50 else 0.0,
    )


def _file(place: int, number: int, started_at: float, media: Path) -> RecordFile:
    return RecordFile(
        record_file_id=_file_id(number),
        started_at=started_at,
        ended_at=started_at + SECONDS,
        video=None if place % 6 == 2 else media,
        audio=None if place % 6 == 1 else media,
        transcript=_transcript(place, number) if place % 4 == 0 else "",
        allow_download=place % 15 != 4,
        record_size={3: 0, 4: 999}.get(place % 20),
    )


def _transcript(place: int, number: int) -> str:
    """Return Tencent's own text file of a tone recording."""
    who = (TEACHERS[place % len(TEACHERS)].name, STUDENTS[place % len(STUDENTS)].name)
    bursts = range(int(SECONDS / PERIOD_S) + 1)
    return "\n".join(
        f"{who[burst % 2]}(00:00:{int(burst * PERIOD_S):02d}): {burst_text(number, burst, BURST_S)}"
        for burst in bursts
    )


def _stays(teacher: Person, student: Person, start: float, end: float) -> Iterator[Stay]:
    """Yield the teacher, the student, who reconnects once, and a guest without an account."""
    yield Stay(teacher.name, start - 60, end, teacher.userid)
    yield Stay(student.name, start, start + 12, student.userid)
    yield Stay(student.name, start + 10, end, student.userid)
    yield Stay("旁听的家长 🙂", start + 5, end)


def _twin(record: Record) -> Record:
    """Return the text row that accompanies a recording when all kinds are requested."""
    file = RecordFile(str(int(record.files[0].record_file_id) + 100_000), record.started_at, 0.0)
    return replace(
        record,
        meeting_record_id=str(int(record.meeting_record_id) + 100_000),
        subject=f"转写_{record.subject}",
        kind=RecordKind.TRANSCRIPTION,
        files=(file,),
    )
