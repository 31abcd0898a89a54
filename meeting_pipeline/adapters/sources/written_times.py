"""Times as people and other programs write them into sidecars.

    2026-01-05 19:30   2026/1/5 19：30:05   2026.1.5 7:30 PM   2026年1月5日（周一）晚上7点半
    Jan 5, 2026 7:30 PM   Mon, 5 Jan 2026 19:30:00 +0800   2026-01-05 19:30 GMT+8   1767612600

A clock alone ("19:30", "下午3点") is a time of the day of the recording. A date that can be read in
two ways (1/5/2026) is refused, and so is one without a year.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from meeting_pipeline.domain.window import parse_timestamp
from meeting_pipeline.errors import UsageError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<word>{'|'.join(_MONTHS)})[a-z]*\.?"
_NOISE = re.compile(
    r"[(\[]?(?:周|星期|礼拜)[一二三四五六日天][)\]]?"
    r"|\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b[.,]?"
    r"|\bat\b",
    re.IGNORECASE,
)
_DATES = (
    re.compile(
        r"(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})\s*[日号]?"
    ),
    re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?!\d)"),
    re.compile(rf"{_MONTH}\s*(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s*(?P<year>\d{{4}})", re.I),
    re.compile(rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s-]*{_MONTH},?[\s-]*(?P<year>\d{{4}})", re.I),
    re.compile(r"(?P<first>\d{1,2})\s*[-/.]\s*(?P<second>\d{1,2})\s*[-/.]\s*(?P<year>\d{4})"),
)
_NO_YEAR = re.compile(r"\d{1,2}\s*(?:[-/]|月)\s*\d{1,2}\s*[日号]?(?=\D|$)")
_HALVES = {
    "am": ("上午", "早上", "早晨", "清晨", "早", "凌晨", "午夜", "am", "a.m."),
    "pm": ("下午", "午后", "傍晚", "pm", "p.m."),
    "night": ("晚上", "晚间", "夜里", "深夜", "夜晚", "晚"),
    "noon": ("中午", "正午"),
}
HALF_OF_DAY = "|".join(re.escape(word) for words in _HALVES.values() for word in words)
"""The words for a part of the day, as an alternative of a regular expression."""
_CLOCK = re.compile(
    rf"(?P<before>{HALF_OF_DAY})?\s*"
    r"(?P<hour>\d{1,2})(?:\s*(?::|点钟?|时)\s*(?P<minute>\d{1,2}|半|整)?\s*(?:分钟?)?"
    r"(?:\s*:?\s*(?P<second>\d{1,2}(?:\.\d+)?)\s*秒?)?)?"
    rf"\s*(?P<after>{HALF_OF_DAY})?",
    re.IGNORECASE,
)
_OFFSET = re.compile(
    r"[(\[]?(?:(?P<utc>z|utc|gmt|北京时间)\s*)?"
    r"(?:(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?)?[)\]]?",
    re.IGNORECASE,
)
_POINTS = re.compile(r"(?<=[\d日][ T])\d{1,2}\.\d{2}(?:\.\d{2})?(?=\D|$)")
_COMPACT = re.compile(r"^(\d{8})(\d{2})(\d{2})(\d{2})$")
_NOON = 12
_DAWN = 5  # 晚上1点 is after midnight
_BEIJING = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class _Clock:
    """A time of a day; 24:00 and midnight after an evening belong to the next day."""

    time: time
    days: int = 0


def written_moment(text: str, zone: ZoneInfo, start: datetime | None = None) -> datetime:
    """Return the moment that a text names, as aware UTC.

    Args:
        text: The text.
        zone: The time zone of times without an offset.
        start: The start of the recording, whose day a clock alone belongs to (or to the day after
            it, if that is nearer). None if a clock alone is not enough.

    Raises:
        ValueError: The text is not a time; the message says why, without a subject.
    """
    text = _POINTS.sub(_with_colons, unicodedata.normalize("NFKC", text).strip())
    text = _COMPACT.sub(r"\1 \2:\3:\4", text)
    try:
        return parse_timestamp(text, zone)
    except UsageError:
        words = " ".join(_NOISE.sub(" ", text).split())
    day, rest = _split_date(words)
    clock, offset = _read_clock(rest.strip(" ,T") if day else words)
    if day is None:
        if clock is None:
            raise ValueError("is not a time")
        if start is None:
            raise ValueError("has no date: write it as 2026-01-05 19:30")
        return _on_the_day(clock, offset or zone, start)
    clock = clock or _Clock(time())
    moment = datetime.combine(day, clock.time, offset or zone) + timedelta(days=clock.days)
    return moment.astimezone(UTC)


def written_date(text: str) -> date:
    """Return the day that a text names, which has no time; raise ValueError if it is not one."""
    day, rest = _split_date(" ".join(_NOISE.sub(" ", unicodedata.normalize("NFKC", text)).split()))
    if day is None or rest.strip():
        raise ValueError("is not a date")
    return day


def _with_colons(found: re.Match[str]) -> str:
    return found[0].replace(".", ":")


def _split_date(text: str) -> tuple[date | None, str]:
    """Return the date in front of a text (or behind its clock), and what is left of the text."""
    for pattern in _DATES:
        if found := pattern.match(text) or re.search(rf"(?<=\s){pattern.pattern}$", text, re.I):
            return _date(found.groupdict()), text[: found.start()] + text[found.end() :]
    if _NO_YEAR.match(text):
        raise ValueError("has no year: write it as 2026-01-05")
    return None, text


def _date(found: dict[str, str | None]) -> date:
    year, word = int(found["year"] or 0), found.get("word")
    if first := found.get("first"):
        return _only_reading(year, int(first), int(found["second"] or 0))
    month = _MONTHS.index(word[:3].lower()) + 1 if word else int(found["month"] or 0)
    return date(year, month, int(found["day"] or 0))


def _only_reading(year: int, first: int, second: int) -> date:
    """Return the date if only one of month and day can come first; else raise ValueError."""
    if max(first, second) <= len(_MONTHS) and first != second:
        raise ValueError("is ambiguous (month or day first?): write it as 2026-01-05")
    return date(year, min(first, second), max(first, second))


def _read_clock(text: str) -> tuple[_Clock | None, tzinfo | None]:
    if not text:
        return None, None
    found = _CLOCK.match(text)
    if found is None or not (found["minute"] or found["before"] or found["after"] or "点" in text):
        raise ValueError("is not a time")
    return _clock(found), _zone_of(text[found.end() :].strip())


def _clock(found: re.Match[str]) -> _Clock:
    half = (found["before"] or found["after"] or "").lower()
    hour, days = hour_of_day(int(found["hour"]), half)
    minute = {"半": 30, "整": 0, None: 0}.get(found["minute"])
    minute = int(found["minute"]) if minute is None else minute
    second, _, fraction = (found["second"] or "0").partition(".")
    return _Clock(time(hour, minute, int(second), int(fraction[:6].ljust(6, "0"))), days)


def hour_of_day(hour: int, word: str) -> tuple[int, int]:
    """Return the hour of 24, and how many days later it is.

    Args:
        hour: The hour as it is written.
        word: The word for the part of the day, or "".

    Raises:
        ValueError: The two contradict each other.
    """
    half = next((kind for kind, words in _HALVES.items() if word.lower() in words), "")
    if hour == 2 * _NOON or (half == "night" and hour in (0, _NOON)):
        return 0, 1
    if half == "night" and hour < _DAWN:
        return hour, 1
    if half == "am" and hour > _NOON:
        raise ValueError("is not a time")
    if half == "am":
        return hour % _NOON, 0
    is_later = hour < (_NOON if half != "noon" else _NOON // 2)
    return (hour + _NOON if half and is_later else hour), 0


def _zone_of(text: str) -> tzinfo | None:
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise ValueError("is not a time")
    if found["sign"]:
        away = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
        return timezone(away if found["sign"] == "+" else -away)
    return {"": None, "北京时间": _BEIJING}.get((found["utc"] or "").lower(), UTC)


def _on_the_day(clock: _Clock, zone: tzinfo, start: datetime) -> datetime:
    day = start.astimezone(zone).date() + timedelta(days=clock.days)
    moment = datetime.combine(day, clock.time, zone)
    if start - moment > timedelta(hours=12):
        moment = datetime.combine(day + timedelta(days=1), clock.time, zone)
    return moment.astimezone(UTC)
