"""Dates in file names, as programs and people write them.

These formats are recognized anywhere in the name, also in full-width characters:

    TM-20250106100005-445999969-recording-1     Tencent Meeting; its meeting code too
    GMT20260105-113000_Recording                Zoom cloud, in UTC
    2026-01-05 19.30.00 …, 2026-01-05_19.30     Zoom and Tencent on one's own computer, OBS
    20260105_193000, VID_20260105_193000        phones, WeCom
    260105_193000123, 13800138000-2601051930    recorders of calls
    20260105_193000.492+0200, … 19_30 GMT-5     with the offset of its zone
    录制_2026年1月5日 19时30分, … 晚上8点半        written by people
    2026-1-5(周一) 下午 3.05, 26.1.5             written by people, too
    2026-01-05 at 7.30.00 PM                    macOS, WhatsApp
    mmexport1767612600000                       WeChat, an epoch in milliseconds
    2026-01-05, 20260105, 2026年1月5日           a day: its midnight
    1月5日晚8点                                  a day of the year in which the file was written
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from meeting_pipeline.adapters.sources.written_times import HALF_OF_DAY, hour_of_day

_DAYS = (
    r"(?<!\d)(?P<year>20\d\d)(?P<gap>[-_./·]?)(?P<month>\d\d)(?P=gap)(?P<day>\d\d)",
    r"(?<!\d)(?P<year>20\d\d)(?P<gap>[-_./·])(?P<month>\d\d?)(?P=gap)(?P<day>\d\d?)(?!\d)",
    r"(?<!\d)(?P<year>20\d\d) ?年 ?(?P<month>\d\d?) ?月 ?(?P<day>\d\d?) ?[日号]",
    r"(?<![\d.])(?P<short>\d\d)(?P<gap>\.)(?P<month>\d\d?)(?P=gap)(?P<day>\d\d?)(?![\d.])",
    r"(?<![\d年])(?P<month>\d\d?)月(?P<day>\d\d?)[日号]",
)
_WEEKDAY = r"(?:[(\[]?(?:周|星期|礼拜)[一二三四五六日天][)\]]?[ _,-]{0,2})?"
_CLOCK = (
    rf"(?:[ T_,-]{{0,3}}{_WEEKDAY}|[ _]at[ _])(?:(?P<half>{HALF_OF_DAY})[ _]?)?"
    r"(?P<hour>\d\d|\d(?!\d))"
    r"(?:(?P<colon>[-_.:时点]?)(?P<minute>\d\d)(?:(?:(?P=colon)|分)(?P<second>\d\d)(?:\.\d{1,6})?)?"
    r"|[时点](?P<thirty>半)?)"
    r"(?!\d)(?:[ _]?(?P<pm>[AP]M))?"
    r"(?P<zone>Z|[ _]?(?:GMT|UTC)(?:[+-]\d\d?(?::?\d\d)?)?(?!\d)"
    r"|\+\d\d:?(?:00|15|30|45)(?![\d:])|-\d\d00(?![\d:]))?"
)
_CALL = r"(?P<short>\d\d)(?P<month>\d\d)(?P<day>\d\d)"
_PATTERNS = tuple(
    re.compile(text, re.ASCII | re.IGNORECASE)
    for text in (
        r"(?:mmexport|wx_camera_)(?P<epoch_ms>\d{13})(?!\d)",
        *(rf"(?:(?P<gmt>GMT)|){day}{_CLOCK}" for day in _DAYS),
        rf"(?<!\d){_CALL}[_-](?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?:\d{{3}})?(?!\d)",
        rf"(?<=\d[_-]){_CALL}(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?(?!\d)",
        *(rf"{day}(?:(?<=\D)|(?!\d))" for day in _DAYS),
    )
)
_TENCENT_CODE = re.compile(r"TM-\d{14}-(\d{9,12})(?!\d)", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d\d?):?(\d\d)?$")
_PRODUCT = re.compile(r"(?:[A-Za-z]|第|版本?)[ _-]?$")  # "Node 18.12.1" is a version
_OLDEST_SHORT = 10
"""Years before the latest credible date that a year of two digits may name."""


def date_in_name(
    name: str, zone: ZoneInfo, latest: datetime, written: datetime | None = None
) -> datetime | None:
    """Return the first credible date in a file name as aware UTC, or None.

    A date with a time of day is preferred to one without. A date is credible if it exists in the
    calendar and is not before 2000 nor after `latest`; other digits, such as ids, versions and
    phone numbers, are ignored. So are dates that can be read in two ways (1/5/2026).

    Args:
        name: The file name.
        zone: The time zone of dates without an offset.
        latest: The latest credible date, aware.
        written: When the file was written, aware; a date without a year is of its year. None: a
            date without a year is ignored.
    """
    moments = _dates(unicodedata.normalize("NFKC", name), zone, latest, written)
    return next((moment for moment in moments if moment <= latest), None)


def meeting_code_in_name(name: str) -> str | None:
    """Return the meeting code in a file name that Tencent Meeting gave, or None."""
    found = _TENCENT_CODE.match(name)
    return found[1] if found else None


def _dates(
    name: str, zone: ZoneInfo, latest: datetime, written: datetime | None
) -> Iterator[datetime]:
    for pattern in _PATTERNS:
        for found in pattern.finditer(name):
            part = found.groupdict()
            if part.get("short") and _PRODUCT.search(name[: found.start()]):
                continue
            for year in _years(part, zone, latest, written):
                try:
                    yield _instant(part, year, zone)
                except (ValueError, OverflowError):  # the 32nd of a month, the 25th hour: no date
                    continue


def _years(
    part: dict[str, str | None], zone: ZoneInfo, latest: datetime, written: datetime | None
) -> Iterator[int]:
    """Yield the years that the digits may mean, the likeliest first."""
    if year := part.get("year") or part.get("epoch_ms"):
        yield int(year)
    elif short := part.get("short"):
        year_now = latest.astimezone(zone).year
        if 0 <= year_now - (2000 + int(short)) <= _OLDEST_SHORT:
            yield 2000 + int(short)
    elif written:
        yield written.astimezone(zone).year
        yield written.astimezone(zone).year - 1


def _instant(part: dict[str, str | None], year: int, zone: ZoneInfo) -> datetime:
    if epoch_ms := part.get("epoch_ms"):
        return datetime.fromtimestamp(int(epoch_ms) / 1000, UTC)
    month, day = int(part["month"] or 0), int(part["day"] or 0)
    hour, minute, second = (int(part.get(unit) or 0) for unit in ("hour", "minute", "second"))
    if part.get("thirty"):
        minute = 30
    hour, days = hour_of_day(hour, part.get("half") or part.get("pm") or "")
    where = UTC if part.get("gmt") else _zone(part.get("zone"), zone)
    moment = datetime(year, month, day, hour, minute, second, tzinfo=where) + timedelta(days=days)
    return moment.astimezone(UTC)


def _zone(text: str | None, zone: ZoneInfo) -> tzinfo:
    if not text:
        return zone
    found = _OFFSET.search(text)
    if found is None:
        return UTC
    away = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return timezone(away if found[1] == "+" else -away)
