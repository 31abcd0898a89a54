"""Times as people and other programs write them into sidecars.

    2026-01-05 19:30   2026/1/5 19：30:05   2026.1.5 7:30 PM   2026年1月5日（周一）晚上7点半
    Jan 5, 2026 7:30 PM   Mon, 5 Jan 2026 19:30:00 +0800   2026-01-05 19:30 GMT+8   1767612600

A clock alone ("19:30", "下午3点") is a time of the day of the recording. A date that can be read in
two ways (1/5/2026) is refused, and so is one without a year.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from meeting_pipeline.domain.window import parse_timestamp
from meeting_pipeline.domain.written_clock import (
    MONTH,
    WEEKDAY,
    Clock,
    month_of,
    plain_text,
    read_clock,
)
from meeting_pipeline.errors import UsageError

_NOISE = re.compile(rf"[(\[]?(?<![a-z]){WEEKDAY}[)\]]?[.,]?|\bat\b", re.IGNORECASE)
_MONTH = rf"(?P<word>{MONTH})\.?"
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
_POINTS = re.compile(r"(?<=[\d日][ T])\d{1,2}\.\d{2}(?:\.\d{2})?(?=\D|$)")
_MONTHS_A_YEAR = 12
_COMPACT = re.compile(r"^(\d{8})(\d{2})(\d{2})(\d{2})$")


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
    text = _POINTS.sub(_with_colons, plain_text(text).strip())
    text = _COMPACT.sub(r"\1 \2:\3:\4", text)
    try:
        return parse_timestamp(text, zone)
    except UsageError:
        words = " ".join(_NOISE.sub(" ", text).split())
    day, rest = _split_date(words)
    written = rest.strip(" ,T") if day else words
    clock, offset = read_clock(written) if written else (None, None)
    if day is None:
        if clock is None:
            raise ValueError("is not a time")
        if start is None:
            raise ValueError("has no date: write it as 2026-01-05 19:30")
        return _on_the_day(clock, offset or zone, start)
    clock = clock or Clock(time())
    moment = datetime.combine(day, clock.time, offset or zone) + timedelta(days=clock.days)
    return moment.astimezone(UTC)


def written_date(text: str) -> date:
    """Return the day that a text names, which has no time; raise ValueError if it is not one."""
    day, rest = _split_date(" ".join(_NOISE.sub(" ", plain_text(text)).split()))
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
        return only_reading(year, int(first), int(found["second"] or 0))
    month = month_of(word) if word else int(found["month"] or 0)
    return date(year, month, int(found["day"] or 0))


def only_reading(year: int, first: int, second: int) -> date:
    """Return the date if only one of month and day can come first.

    Args:
        year: The year.
        first: The number before the other one.
        second: The other one.

    Raises:
        ValueError: Both can be the month, or none can.
    """
    if max(first, second) <= _MONTHS_A_YEAR and first != second:
        raise ValueError("is ambiguous (month or day first?): write it as 2026-01-05")
    return date(year, min(first, second), max(first, second))


def _on_the_day(clock: Clock, zone: tzinfo, start: datetime) -> datetime:
    day = start.astimezone(zone).date() + timedelta(days=clock.days)
    moment = datetime.combine(day, clock.time, zone)
    if start - moment > timedelta(hours=12):
        moment = datetime.combine(day + timedelta(days=1), clock.time, zone)
    return moment.astimezone(UTC)
