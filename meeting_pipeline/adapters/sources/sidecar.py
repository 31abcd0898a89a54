"""Sidecar files: what people write about a recording in the `NAME.json` beside it.

A sidecar is an object with any of these fields. All are optional, and the spelling is lenient:
capitals, `_` and `-` do not matter, so `meetingId` is meeting_id.

    meeting_id, meeting_code, meeting_record_id                   text or number, every digit kept
    subject         (or title, topic, meeting_subject, meeting_name)
    teacher_id      (or teacher, host, host_id, host_user_id, teacher_name, host_name), or a person
    start_ts        (or start_time, start, started_at, record_start_time, begin_time)
    end_ts          (or end_time, end, ended_at, record_end_time)
    participants    (or attendees, members): a list of names and persons

    a person        {id, name, join, left} or {id, name, intervals: [[join, left], …]}
    id              (or userid, user_id, person, person_id, student_id)
    name            (or user_name, display_name, nickname)
    join            (or join_time, joined_at, joined, join_ts, joined_ts)
    left            (or left_time, leave_time, left_at, leave, left_ts, leave_ts)

Times are ISO 8601 with or without an offset, or epoch seconds or milliseconds, as number or text.
End, join and left may also be numbers below 10,000,000 (seconds from the start of the recording)
and "HH:MM[:SS]" (on the day of the recording, or after midnight if that is nearer). Nothing is
guessed: what cannot be read is left out and named in `problems`. So are a start after now, an end
more than a day after now, and a name or id that is too long for the database, because a shortened
one could be another person's.

The encoding is UTF-8, UTF-16 or GB18030 (with GBK and GB2312), which Chinese Windows writes.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from meeting_pipeline.domain.model import Participant
from meeting_pipeline.domain.window import parse_timestamp
from meeting_pipeline.errors import ConfigError

_SUBJECT = ("subject", "title", "topic", "meetingsubject", "meetingname")
_TEACHER = ("teacherid", "teacher", "hostid", "hostuserid", "host", "teachername", "hostname")
_START = ("startts", "starttime", "start", "startedat", "recordstarttime", "begintime")
_END = ("endts", "endtime", "end", "endedat", "recordendtime")
_PARTICIPANTS = ("participants", "attendees", "members")
_ID = ("userid", "id", "personid", "person", "studentid")
_NAME = ("name", "username", "displayname", "nickname")
_JOINED = ("jointime", "joinedat", "joined", "join", "joints", "joinedts")
_LEFT = ("lefttime", "leavetime", "leftat", "left", "leave", "leftts", "leavets")

MEETING_ID_LENGTH = 64
NAME_LENGTH = 255
"""The length in characters at most of a meeting's ids, and of a person's id or name."""

SIDECAR_BYTES = 1 << 20
"""The size of a sidecar at most; one with a thousand people and their stays has a quarter of it."""

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = timedelta(days=1)
_OFFSET_BELOW = 10_000_000
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")  # JSON can escape it, no database can store it
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?", re.ASCII)


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
        content = _content(text)
    except (ValueError, RecursionError):
        problem = "it is not valid JSON in UTF-8, UTF-16 or GB18030"
        return Sidecar(start_elsewhere(), problems=(problem,))
    if not isinstance(content, dict):
        return Sidecar(start_elsewhere(), problems=("it is not a JSON object",))
    fields = _Fields(content, "", zone, [])
    return _sidecar(fields, _credible(fields, _START, None, now) or start_elsewhere(), now)


def _content(text: bytes) -> object:
    """Return the JSON with its numbers as text; raise ValueError or RecursionError."""
    try:
        return json.loads(text, parse_int=str, parse_float=str)
    except UnicodeDecodeError:
        return json.loads(text.decode("gb18030"), parse_int=str, parse_float=str)


def _sidecar(fields: "_Fields", start: datetime, now: datetime) -> Sidecar:
    return Sidecar(
        start_ts=start,
        end_ts=_end(fields, start, now),
        subject=fields.text(_SUBJECT) or "",
        meeting_id=fields.word(("meetingid",), MEETING_ID_LENGTH),
        meeting_code=fields.word(("meetingcode",), MEETING_ID_LENGTH),
        meeting_record_id=fields.word(("meetingrecordid",), MEETING_ID_LENGTH),
        teacher_id=_teacher(fields),
        participants=_participants(fields, start),
        problems=tuple(fields.problems),
    )


def _credible(
    fields: "_Fields", names: tuple[str, ...], start: datetime | None, latest: datetime
) -> datetime | None:
    """Return a time of the recording, or None if it is missing or not possible."""
    moment = fields.time(names, start)
    if moment is None or _EARLIEST <= moment <= latest:
        return moment
    why = "is in the future" if moment > latest else "is before 1970"
    fields.refuse(fields.first(names)[0], f"{why}: correct it")
    return None


def _end(fields: "_Fields", start: datetime, now: datetime) -> datetime | None:
    # the start may be the time when recording ended, and the end is counted from it
    end = _credible(fields, _END, start, now + _LONGEST)
    if end is None or end > start:
        return end
    fields.refuse(fields.first(_END)[0], "is not after the start")
    return None


def _teacher(fields: "_Fields") -> str | None:
    key, value = fields.first(_TEACHER)
    if not isinstance(value, dict):
        return fields.word(_TEACHER, NAME_LENGTH)
    person = fields.inside(key, value)
    return person.word(_ID, NAME_LENGTH) or person.word(_NAME, NAME_LENGTH)


def _participants(fields: "_Fields", start: datetime) -> tuple[Participant, ...] | None:
    key, value = fields.first(_PARTICIPANTS)
    if value is None:
        return None
    if not isinstance(value, list):
        fields.refuse(key, "is not a list")
        return None
    stays = (_stays(fields, f"{key}[{index}]", one, start) for index, one in enumerate(value))
    return tuple(chain.from_iterable(stays))


def _stays(fields: "_Fields", key: str, value: object, start: datetime) -> Iterator[Participant]:
    """Yield every stay of one listed person."""
    person = fields.inside(key, value if isinstance(value, dict) else {"name": value})
    person_id, name = person.word(_ID, NAME_LENGTH), person.word(_NAME, NAME_LENGTH)
    if person_id or name:
        for joined, left in _times(person, start):
            yield Participant(person_id, name or "", joined, left)
    else:
        fields.refuse(key, "has neither an id nor a name")


def _times(person: "_Fields", start: datetime) -> list[tuple[datetime | None, datetime | None]]:
    """Return when a person joined and left, for each readable interval, and at least one pair."""
    key, pairs = person.first(("intervals",))
    times = []
    for index, pair in enumerate(pairs if isinstance(pairs, list) else []):
        match pair:
            case [joined, left]:
                stay = person.inside(f"{key}[{index}]", {"join": joined, "left": left})
                times.append((stay.time(_JOINED, start), stay.time(_LEFT, start)))
            case _:
                person.refuse(f"{key}[{index}]", "is not a pair of times")
    if pairs is not None and not isinstance(pairs, list):
        person.refuse(key, "is not a list of pairs of times")
    return times or [(person.time(_JOINED, start), person.time(_LEFT, start))]


@dataclass(frozen=True)
class _Fields:
    """One JSON object with lenient field names.

    Attributes:
        content: The object.
        where: The path of the object inside the sidecar, "" or "participants[2].".
        zone: The time zone of times without an offset.
        problems: Receives what is wrong.
    """

    content: Mapping[str, object]
    where: str
    zone: ZoneInfo
    problems: list[str]

    def inside(self, key: str, content: Mapping[str, object]) -> "_Fields":
        """Return an object that was found under `key` of this one."""
        return _Fields(content, f"{self.where}{key}.", self.zone, self.problems)

    def refuse(self, key: str, why: str) -> None:
        """Report that the value of `key` is left out."""
        self.problems.append(f"{self.where}{key} {why}")

    def first(self, names: tuple[str, ...]) -> tuple[str, object]:
        """Return the key as written and the value of the first of these names that has a value."""
        spelled = {re.sub("[-_]", "", key).lower(): key for key in self.content}
        for key in (spelled[name] for name in names if name in spelled):
            if self.content[key] not in (None, ""):
                return key, self.content[key]
        return names[0], None

    def text(self, names: tuple[str, ...]) -> str | None:
        """Return text, or a number as text, or None if there is none."""
        key, value = self.first(names)
        if isinstance(value, str) and not _SURROGATE.search(value):
            return value.strip() or None
        if value is not None:
            self.refuse(key, "is not text")
        return None

    def word(self, names: tuple[str, ...], longest: int) -> str | None:
        """Return text that must not be shortened, or None if it is too long."""
        text = self.text(names)
        if text is None or len(text) <= longest:
            return text
        self.refuse(self.first(names)[0], f"is longer than {longest} characters")
        return None

    def time(self, names: tuple[str, ...], start: datetime | None) -> datetime | None:
        """Return a time as aware UTC, or None; without `start`, only an absolute time."""
        key, value = self.first(names)
        if value is None:
            return None
        try:
            return _moment(value, self.zone, start)
        except (ConfigError, ValueError, OverflowError):
            self.refuse(key, "is not a time")
            return None


def _moment(value: object, zone: ZoneInfo, start: datetime | None) -> datetime:
    """Return a time; raise ConfigError, ValueError or OverflowError if it is not a time."""
    text = value.strip() if isinstance(value, str) else ""
    if start and _NUMBER.fullmatch(text) and abs(float(text)) < _OFFSET_BELOW:
        return start + timedelta(seconds=float(text))
    if start and _CLOCK.fullmatch(text):
        return _on_the_day(time.fromisoformat(text if text[1] != ":" else f"0{text}"), zone, start)
    return parse_timestamp(text, zone)


def _on_the_day(clock: time, zone: ZoneInfo, start: datetime) -> datetime:
    day = start.astimezone(zone).date()
    moment = datetime.combine(day, clock, zone)
    if start - moment > timedelta(hours=12):
        moment = datetime.combine(day + timedelta(days=1), clock, zone)
    return moment.astimezone(UTC)
