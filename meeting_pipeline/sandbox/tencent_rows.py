"""The rows of the meeting API for people and records."""

import base64

from .company import Company, Person, Record, RecordFile, RecordKind, Stay
from .faults import Kind, Strike
from .wire import Json

RECORD_TYPES = {
    RecordKind.CLOUD: 0,
    RecordKind.UPLOAD: 2,
    RecordKind.TRANSCRIPTION: 3,
    RecordKind.CLIENT_VIDEO: 4,
    RecordKind.CLIENT_AUDIO: 5,
}
TIMES = ("media_start_time", "record_start_time", "record_end_time")
PLAYER = "https://meeting.tencent.com/v2/cloud-record/share?id="


def record_row(record: Record, now: float, *, corp: bool, strike: Strike) -> Json:
    """Return one element of `record_meetings` (Tencent docs 51189; corp list: 53224)."""
    row: Json = {
        "meeting_record_id": record.meeting_record_id,
        "meeting_id": record.meeting_id,
        "meeting_code": record.meeting_code,
        "userid" if corp else "host_user_id": record.owner,
        "media_start_time": _ms(record.started_at),
        "subject": record.subject,
        "state": record.state(now),
        "record_type": RECORD_TYPES[record.kind],
    }
    if not corp:
        row["media_set_type"] = 1
    if row["state"] == 3:  # noqa: PLR2004 - "done"
        row["record_files"] = [_list_file(file, strike) for file in record.files]
    return _in_seconds(row) if Kind.SECONDS_FOR_MS in strike else row


def _in_seconds(row: Json) -> Json:
    times = {name: row[name] // 1_000 for name in TIMES if name in row}
    files = {"record_files": [_in_seconds(file) for file in row.get("record_files", ())]}
    return row | times | (files if "record_files" in row else {})


def _list_file(file: RecordFile, strike: Strike) -> Json:
    row: Json = {
        "record_file_id": file.record_file_id,
        "record_start_time": _ms(file.started_at),
        "record_end_time": _ms(file.ended_at),
        "record_size": file.size,
        "sharing_state": 0,
    }
    if Kind.SIZE_ZERO in strike:
        row["record_size"] = 0
    if Kind.SIZE_WRONG in strike:
        row["record_size"] = file.size * 2 + 1
    return row


def address_row(file: RecordFile, links: dict[str, str], strike: Strike) -> Json:
    """Return one element of `record_files` (Tencent doc 51174); `links`: address by suffix."""
    row: Json = {
        "record_file_id": file.record_file_id,
        "view_address": f"{PLAYER}{file.record_file_id}",
        "download_address": links.get("mp4", ""),
        "download_address_file_type": "mp4",
        "audio_address": links.get("m4a", ""),
        "audio_address_file_type": "m4a",
    }
    if "txt" in links:
        row["meeting_summary"] = [{"download_address": links["txt"], "file_type": "txt"}]
    if Kind.NO_AUDIO_ADDRESS in strike:
        del row["audio_address"], row["audio_address_file_type"]
    if Kind.EMPTY_ADDRESSES in strike:
        row |= {"download_address": "", "audio_address": "", "meeting_summary": []}
    return row


def stay_row(stay: Stay, place: int) -> Json:
    """Return one element of `participants` (Tencent doc 42701): base64 names, times as text."""
    return {
        "userid": stay.userid,
        "user_name": base64.b64encode(stay.name.encode()).decode(),
        "ms_open_id": f"open-{stay.name}",
        "join_time": str(int(stay.joined_at)),
        "left_time": str(int(stay.left_at)),
        "instanceid": str(1 + place % 3),
        "user_role": 2 if place == 0 else 0,
        "is_enterprise_user": bool(stay.userid),
    }


def user_row(person: Person) -> Json:
    """Return one element of `users`."""
    return {
        "userid": person.userid,
        "username": person.name,
        "uuid": f"uuid-{person.userid}",
        "status": "1",
        "role_name": "超级管理员" if person.is_admin else "企业员工",
    }


def history_row(record: Record) -> Json:
    """Return one element of `meeting_info_list`, the only one with a sub_meeting_id."""
    row: Json = {
        "meeting_id": record.meeting_id,
        "meeting_code": record.meeting_code,
        "subject": record.subject,
        "meeting_type": 1 if record.sub_meeting_id else 0,
        "start_time": str(int(record.started_at)),
        "end_time": str(int(record.ended_at)),
    }
    if record.sub_meeting_id:
        row["sub_meeting_id"] = record.sub_meeting_id
    return row


def meetings_of(company: Company, userid: str) -> list[Record]:
    """Return the past meetings that this person owned or attended, each occurrence once."""
    found: dict[tuple[str, str], Record] = {}
    for record in company.records():
        if record.owner == userid or userid in {stay.userid for stay in record.stays}:
            found.setdefault((record.meeting_id, record.sub_meeting_id), record)
    return list(found.values())


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
