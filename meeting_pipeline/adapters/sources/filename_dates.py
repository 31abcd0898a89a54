"""Dates in file names, as programs and people write them.

These formats are recognized anywhere in the name:

    TM-20250106100005-445999969-recording-1     Tencent Meeting; its meeting code too
    GMT20260105-113000_Recording                Zoom cloud, in UTC
    2026-01-05 19.30.00 …, 2026-01-05_19.30     Zoom and Tencent on one's own computer, OBS
    20260105_193000, VID_20260105_193000        phones, WeCom
    录制_2026年1月5日 19时30分, … 晚上8点          written by people
    2026-01-05 at 7.30.00 PM                    macOS, WhatsApp
    mmexport1767612600000                       WeChat, an epoch in milliseconds
    2026-01-05, 20260105, 2026年1月5日           a day: its midnight
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_DAYS = (
    r"(?<!\d)(?P<year>20\d\d)(?P<gap>[-_.]?)(?P<month>\d\d)(?P=gap)(?P<day>\d\d)",
    r"(?<!\d)(?P<year>20\d\d)年(?P<month>\d{1,2})月(?P<day>\d{1,2})[日号]",
)
_CLOCK = (
    r"(?:[ T_-]{0,3}|[ _]at[ _])(?P<half>上午|下午|晚上)?(?P<hour>\d\d|\d(?!\d))"
    r"(?:(?P<colon>[-_.:：时点]?)(?P<minute>\d\d)(?:(?:(?P=colon)|分)(?P<second>\d\d))?|[时点])"
    r"(?!\d)(?:[ \u202f]?(?P<pm>[AP]M))?(?P<utc>Z)?"
)
_PATTERNS = tuple(
    re.compile(text, re.ASCII | re.IGNORECASE)
    for text in (
        r"(?:mmexport|wx_camera_)(?P<epoch_ms>\d{13})(?!\d)",
        *(rf"(?:(?P<gmt>GMT)|){day}{_CLOCK}" for day in _DAYS),
        *(rf"{day}(?:(?<=\D)|(?!\d))" for day in _DAYS),
    )
)
_TENCENT_CODE = re.compile(r"TM-\d{14}-(\d{9,12})(?!\d)", re.ASCII)
_NOON = 12
_AFTERNOON = frozenset({"下午", "晚上", "PM"})


def date_in_name(name: str, zone: ZoneInfo, latest: datetime) -> datetime | None:
    """Return the first credible date in a file name as aware UTC, or None.

    A date with a time of day is preferred to one without. A date is credible if it exists in the
    calendar and is not before 2000 nor after `latest`; other digits, such as ids and phone numbers,
    are ignored.

    Args:
        name: The file name.
        zone: The time zone of dates without an offset.
        latest: The latest credible date, aware.
    """
    return next((moment for moment in _dates(name, zone) if moment <= latest), None)


def meeting_code_in_name(name: str) -> str | None:
    """Return the meeting code in a file name that Tencent Meeting gave, or None."""
    found = _TENCENT_CODE.match(name)
    return found[1] if found else None


def _dates(name: str, zone: ZoneInfo) -> Iterator[datetime]:
    for pattern in _PATTERNS:
        for found in pattern.finditer(name):
            try:
                yield _instant(found.groupdict(), zone)
            except ValueError:  # the 32nd of a month or the 25th hour: these digits are not a date
                continue


def _instant(part: dict[str, str | None], zone: ZoneInfo) -> datetime:
    if epoch_ms := part.get("epoch_ms"):
        return datetime.fromtimestamp(int(epoch_ms) / 1000, UTC)
    year, month, day = (int(part[unit] or 0) for unit in ("year", "month", "day"))
    hour, minute, second = (int(part.get(unit) or 0) for unit in ("hour", "minute", "second"))
    half = (part.get("half") or part.get("pm") or "").upper()
    if half:
        hour = hour % _NOON + (_NOON if half in _AFTERNOON else 0)
    where = UTC if part.get("gmt") or part.get("utc") else zone
    return datetime(year, month, day, hour, minute, second, tzinfo=where).astimezone(UTC)
