"""Sidecar files: what people and other programs write about a recording beside it.

A sidecar is a JSON object whose fields are all optional. `sidecar_fields` has their names, English
and Chinese, `sidecar_people` reads who was there, `written_times` reads the times, and
`lenient_json` what is not quite JSON.

Start, end, join and left may be written in many ways; end, join and left may also be numbers below
10,000,000 (seconds from the start of the recording) or a clock alone (on the day of the recording,
or after midnight if that is nearer). Nothing is guessed: what is not understood is left out and
named in `problems`, with the nearest known name. So are a start after now, an end more than a day
after now, and a name or id that is too long for the database, because a shortened one could be
another person's.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from meeting_pipeline.adapters.sources import sidecar_fields as names
from meeting_pipeline.adapters.sources.base64_names import plain_name
from meeting_pipeline.adapters.sources.lenient_json import read_json
from meeting_pipeline.adapters.sources.sidecar_fields import Fields, shown
from meeting_pipeline.adapters.sources.sidecar_people import NAME_LENGTH, people_of
from meeting_pipeline.adapters.sources.written_times import written_date, written_moment
from meeting_pipeline.domain.model import Participant

MEETING_ID_LENGTH = 64
"""The length in characters at most of a meeting's ids."""

SIDECAR_BYTES = 1 << 20
"""The size of a sidecar at most; one with a thousand people and their stays has a quarter of it."""

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = timedelta(days=1)
_HOURS_OFF = re.compile(r"(?:utc|gmt)?\s*([+-])0?(\d{1,2})(?::?00)?", re.IGNORECASE)

__all__ = ["MEETING_ID_LENGTH", "NAME_LENGTH", "SIDECAR_BYTES", "Sidecar", "read_sidecar"]


@dataclass(frozen=True)
class Sidecar:
    """The readable part of a sidecar; the fields are those of `RecordMeta`.

    Attributes:
        start_ts: The start by the sidecar, or else the one that was found elsewhere.
        problems: One line for each field that cannot be used.
    """

    start_ts: datetime
    end_ts: datetime | None = None
    subject: str = ""
    meeting_id: str | None = None
    meeting_code: str | None = None
    meeting_record_id: str | None = None
    teacher_id: str | None = None
    participants: tuple[Participant, ...] | None = None
    problems: tuple[str, ...] = ()


def read_sidecar(
    text: bytes, zone: ZoneInfo, now: datetime, start_elsewhere: Callable[[], datetime]
) -> Sidecar:
    """Return the readable part of a sidecar, whatever its content is.

    Args:
        text: The content of the file.
        zone: The time zone of times without an offset.
        now: The current time, aware; no recording starts later.
        start_elsewhere: Returns the start of the recording if the sidecar has none.
    """
    try:
        content = read_json(text)
    except (ValueError, RecursionError) as error:
        problem = f"it is not valid JSON in UTF-8, UTF-16 or GB18030{_place(error)}"
        return Sidecar(start_elsewhere(), problems=(problem,))
    if not isinstance(content, dict):
        return Sidecar(start_elsewhere(), problems=("it is not a JSON object",))
    fields = _in_its_zone(_unwrapped(Fields(content, "", zone, [])))
    return _sidecar(fields, _start(fields, now) or start_elsewhere(), now)


def _place(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f" (line {error.lineno}, column {error.colno})"
    return ""


def _unwrapped(fields: Fields) -> Fields:
    """Return the fields with those of the objects that other programs put them into."""
    content: Mapping[str, object] = fields.content
    for key, value in fields.all(names.INSIDE):
        if isinstance(value, dict):
            content = {**value, **content}
        else:
            fields.refuse(key, f"is not an object: {shown(value)}")
    return fields if content is fields.content else replace(fields, content=content)


def _in_its_zone(fields: Fields) -> Fields:
    """Return the fields with the time zone that they name."""
    key, value = fields.first(names.ZONE)
    if value is None:
        return fields
    name = value.strip() if isinstance(value, str) else ""
    if hours := _HOURS_OFF.fullmatch(name):
        name = f"Etc/GMT{'-' if hours[1] == '+' else '+'}{hours[2]}"  # POSIX signs
    try:
        return replace(fields, zone=ZoneInfo("Asia/Shanghai" if name == "北京时间" else name))
    except (ValueError, KeyError, OSError):
        fields.refuse(key, f"is not a time zone: {shown(value)}; write it as Asia/Shanghai")
        return fields


def _sidecar(fields: Fields, start: datetime, now: datetime) -> Sidecar:
    teacher_id, participants = people_of(fields, start)
    sidecar = Sidecar(
        start_ts=start,
        end_ts=_end(fields, start, now),
        subject=plain_name(fields.text(names.SUBJECT) or ""),
        meeting_id=fields.word(names.MEETING_ID, MEETING_ID_LENGTH),
        meeting_code=fields.word(names.MEETING_CODE, MEETING_ID_LENGTH),
        meeting_record_id=fields.word(names.MEETING_RECORD_ID, MEETING_ID_LENGTH),
        teacher_id=teacher_id,
        participants=participants,
    )
    for table in (names.SUBJECT, names.START, names.END):
        _report_others(fields, table)
    _check_length(fields)
    fields.report_unknown()
    return replace(sidecar, problems=tuple(dict.fromkeys(fields.problems)))


def _report_others(fields: Fields, table: tuple[str, ...]) -> None:
    """Report the fields that tell something else than the one that is used."""
    (used, first), *others = fields.all(table) or [("", None)]
    for key, value in others:
        if value != first:
            fields.refuse(key, f"is not used, because {used} is there")


def _check_length(fields: Fields) -> None:
    """Report a length that is none; one that can be read is not needed: it is measured."""
    key, value = fields.first(names.DURATION)
    if value is not None and not re.search(r"\d|[一二三四五六七八九十半两]", str(value)):
        fields.refuse(key, f"is not a length of time: {shown(value)}")


def _start(fields: Fields, now: datetime) -> datetime | None:
    """Return when the recording started, by one field, or by a day and a time; None if unknown."""
    day_key, day = fields.first(names.DATE)
    key, value = fields.first((*names.START, *names.TIME))
    if value is None:
        key, value = day_key, day
    if value is None:
        return None
    try:
        moment = written_moment(_text(value), fields.zone, _midnight(fields, day_key, day))
    except (ValueError, OverflowError) as error:
        fields.refuse_time(key, value, error)
        return None
    return _credible(fields, key, moment, now)


def _midnight(fields: Fields, key: str, day: object) -> datetime | None:
    """Return the beginning of the day that a sidecar names, which a clock alone belongs to."""
    if day is None:
        return None
    try:
        return datetime.combine(written_date(_text(day)), time(), fields.zone)
    except ValueError:
        return None  # it is the start itself, with its time; or it is refused with the start


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _credible(fields: Fields, key: str, moment: datetime, latest: datetime) -> datetime | None:
    """Return a time of the recording, or None if it is not possible."""
    if _EARLIEST <= moment <= latest:
        return moment
    why = "is in the future" if moment > latest else "is before 1970"
    fields.refuse(key, f"{why}: correct it")
    return None


def _end(fields: Fields, start: datetime, now: datetime) -> datetime | None:
    # the start may be the time when recording ended, and the end is counted from it
    key = fields.first(names.END)[0]
    moment = fields.time(names.END, start)
    end = moment and _credible(fields, key, moment, now + _LONGEST)
    if end is None or end > start:
        return end
    fields.refuse(key, "is not after the start")
    return None
