"""The company of a night: its recordings of the last days, each with one file."""

from meeting_pipeline.sandbox.company import Company, Person, Record, RecordFile, Stay

ADMIN = Person("admin", "管理员", is_admin=True)
_TEACHER = Person("teacher_1", "王老师")
_FIRST_ID = 13_339_451_618_278_424_869  # above 2**63
_DAYS_S = 6 * 86_400.0


def make_company(records: int, clip_s: float, clip_bytes: int, now: float) -> Company:
    """`records` recordings of the last six days, the first one the newest."""
    apart = _DAYS_S / max(1, records)
    made = [
        _record(place, now - 3_600 - place * apart, clip_s, clip_bytes) for place in range(records)
    ]
    return Company([ADMIN, _TEACHER], made)


def _record(place: int, started_at: float, clip_s: float, clip_bytes: int) -> Record:
    student = Person(f"student_{place % 40}", f"学生{place % 40}")
    stays = tuple(
        Stay(person.name, started_at, started_at + clip_s, person.userid)
        for person in (_TEACHER, student)
    )
    file = RecordFile(
        record_file_id=f"9{place:018d}",
        started_at=started_at,
        ended_at=started_at + clip_s,
        video=b"to be had at the media host",
        record_size=clip_bytes,
    )
    return Record(
        meeting_record_id=str(_FIRST_ID + place),
        meeting_id=str(_FIRST_ID + 1_000_000 + place),
        meeting_code=str(445_000_000 + place),
        owner=_TEACHER.userid,
        subject=f"辅导 {place}",
        started_at=started_at,
        files=(file,),
        stays=stays,
    )
