"""Dates in file names, as programs and people write them.

These formats are recognized anywhere in the name, also in full-width characters, in traditional
characters and with Chinese numerals:

    TM-20250106100005-445999969-recording-1     Tencent Meeting; its meeting code too
    GMT20260105-113000_Recording                Zoom cloud, in UTC
    2026-01-05 19.30.00 …, 2026-01-05_19.30     Zoom and Tencent on one's own computer, OBS
    20260105_193000, VID_20260105_193000        phones, WeCom
    260105_193000123, 13800138000-2601051930    recorders of calls
    20260105_193000.492+0200, … 19_30 GMT+5_30  with the offset of its zone
    录制_2026年1月5日 19时30分, … 晚八点半        written by people
    2026-1-5(周一) 下午 3.05, 26.1.5, 26年1月5日  written by people, too
    2026-01-05 at 7.30.00 PM, … 3PM, … 19h30    macOS, WhatsApp
    Jan 5, 2026, 5 January 2026, 2026-Jan-05    in English
    mmexport1767612600000                       WeChat, an epoch in milliseconds
    2026-01-05, 20260105, 2026年1月5日           a day: its midnight
    1月5日晚8点                                  a day of the year before the file was written
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from meeting_pipeline.domain.written_clock import (
    BEIJING,
    HALF_OF_DAY,
    MINUTES_OF,
    MONTH,
    WEEKDAY,
    hour_of_day,
    month_of,
    plain_text,
)

_GAP = r"(?P<gap>[-_./·])"
_WORD = rf"(?P<word>{MONTH})\.?"
_NTH = r"(?<!\d)(?P<day>\d\d?)(?:st|nd|rd|th)?"
_DAYS = (
    r"(?<!\d)(?P<year>20\d\d)(?P<gap>[-_./· ]?)(?P<month>\d\d)(?P=gap)(?P<day>\d\d)",
    rf"(?<!\d)(?P<year>20\d\d){_GAP}(?P<month>\d\d?)(?P=gap)(?P<day>\d\d?)(?!\d)",
    r"(?<!\d)(?:(?P<year>20\d\d)|(?P<short>\d\d)) ?年[ /]?"
    r"(?P<month>\d\d?) ?月[ /]?(?P<day>\d\d?) ?[日号]",
    rf"(?<![\d.])(?<!\d-)(?P<short>\d\d){_GAP}(?P<month>\d\d?)(?P=gap)(?P<day>\d\d?)"
    r"(?!\d|\.\d(?!\d[.:]))",
    rf"(?<!\d)(?P<first>\d\d?){_GAP}(?P<other>\d\d?)(?P=gap)(?P<year>20\d\d)(?!\d)",
    rf"(?<![a-z]){_WORD}[ _-]?{_NTH},?[ _-]{{0,2}}(?P<year>20\d\d)(?!\d)",
    rf"{_NTH}[ _-]?{_WORD},?[ _-]{{0,2}}(?P<year>20\d\d)(?!\d)",
    rf"(?<!\d)(?P<year>20\d\d)[ _-]?{_WORD}[ _-]?(?P<day>\d\d?)(?!\d)",
    r"(?<!\d)(?<!年)(?<!年 )(?P<month>\d\d?)月(?P<day>\d\d?)[日号]",
)
_BETWEEN = (
    rf"(?:[ T_,;@、()\[\]【】-]{{0,3}}(?:{WEEKDAY}[ _,.()\[\]【】-]{{0,3}})?"
    r"|,?[ _]at[ _]|\.(?=\d\d[.:]\d\d|\d{6}(?!\d)|\d{4}(?![\dp])))"
    rf"(?:[今当]?(?P<half>{HALF_OF_DAY})[ _]?)?"
)
_AFTER = r"(?:[ _-]?(?P<pm>[ap]m)(?![a-z]))"
_OF_DAY = r"(?P<hour>\d\d|\d(?!\d))"
_CLOCKS = (
    rf"{_OF_DAY}(?P<colon>[-_.:]?)(?P<minute>\d\d)(?:(?P=colon)(?P<second>\d\d)(?:\.\d{{1,6}})?)?{_AFTER}?",
    rf"(?<=\d\d \d\d \d\d ){_OF_DAY} (?P<minute>\d\d)(?: (?P<second>\d\d))?{_AFTER}?",
    rf"{_OF_DAY} ?[点时h] ?(?P<minute>\d\d)(?: ?[分m] ?(?:(?P<second>\d\d?)[秒s])?)?",
    rf"{_OF_DAY}[点时](?:(?P<minute>\d)分(?:(?P<second>\d\d?)秒)?|(?P<share>半|[13]刻)|[钟整])?",
    rf"{_OF_DAY}{_AFTER}",
    r"(?<=_)(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)\d{3}",
)
_COUNTED = (
    r"(?! ?(?:[章页%]|节(?![目日])|小时|分钟|版本|[gm]b"
    r"|(?:[讲课集期题条回次个人元岁版](?![一-鿿]))))"
    r"(?!(?<=点)(?:[名评赞滴]|建议|想法|意见|要求|心得|体会|总结|问题|原因|注意))"
)
"""What cannot follow a clock: 3.10节 is a section, 三点建议 are three points."""

_ZONE = (
    r"(?P<zone>Z(?![a-z])|[ _]?[(\[]?(?:GMT|UTC)(?:[+-]\d\d?(?:[:_.]?(?:00|15|30|45))?)?(?!\d)"
    r"|[ _]?[(\[]?北京时间|[ _]?[(\[]?\+\d\d[:_]?(?:00|15|30|45)(?![\d:])|-\d\d00(?![\d:]))?"
)
_CALL = r"(?P<short>\d\d)(?P<month>\d\d)(?P<day>\d\d)"


def _compiled(*texts: str) -> Sequence[re.Pattern[str]]:
    return [re.compile(text, re.ASCII | re.IGNORECASE) for text in texts]


_WITH_TIME = _compiled(
    r"(?:mmexport|wx_camera_)(?P<epoch_ms>\d{13})(?!\d)",
    *(
        rf"(?:(?P<gmt>GMT)|){day}{_BETWEEN}{clock}(?!\d){_COUNTED}{_ZONE}"
        for day in _DAYS
        for clock in _CLOCKS
    ),
    *(rf"{day}[ _]?(?P<noon>中午|正午)" for day in _DAYS),
    rf"(?<!\d){_CALL}[_-](?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?:\d{{3}})?(?!\d)",
    rf"(?<=\d[_-]){_CALL}(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?(?!\d)",
)
_WITHOUT_TIME = _compiled(*(rf"{day}(?:(?<=\D)|(?!\d))" for day in _DAYS))
_PART_OF_A_DATE = re.compile(r"^(?:20\d\d年?(?:[-_./]?\d\d?月?)?|\d\d?[月日号]?)$", re.ASCII)
_WEEKDAY = re.compile("(?:周|星期|礼拜)[一二三四五六日天]")  # "Sun" is a name, too
_TENCENT_CODE = re.compile(r"TM-\d{14}-(\d{9,12})(?!\d)", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d\d?)[:_.]?(\d\d)?$")
_VERSION = re.compile(r"(?:[A-Za-z]|第|版本?)[ _-]?$")  # "Node 18.12.1" is a version
_LONG_VERSION = re.compile(
    r"(?:(?<![a-z])v(?:er(?:sion)?)?[ ._-]?|第 ?|版本[ :_-]?)$", re.IGNORECASE | re.ASCII
)  # "Zoom2025.1.6" is a date
_CHAPTER = re.compile(r"(?:第|版本?) ?$")
_NUMBER = re.compile(
    r"(?:订单|(?<!\d)号|编码|流水|(?<![a-z])(?:order|no\.?|id))[ :_#-]*$", re.IGNORECASE
)
_OLDEST_SHORT = 10
"""Years before the latest credible date that a year of two digits may name."""

_HOURS = 24
_FEWEST_DIGITS = 2
_A_DAY = timedelta(days=1)


def date_in_name(
    name: str, zone: ZoneInfo, latest: datetime, written: datetime | None = None
) -> datetime | None:
    """Return the first credible date in a file name as aware UTC, or None.

    A date with a time of day is preferred to one without. A date is credible if it exists in the
    calendar and is not before 2000 nor after `latest`; other digits, such as ids, versions and
    phone numbers, are ignored. So are dates that can be read in two ways; see `ambiguous_date_in`.

    Args:
        name: The file name.
        zone: The time zone of dates without an offset.
        latest: The latest credible date, aware.
        written: When the file was written, aware; a date without a year is the last one before.
            None: a date without a year is ignored.
    """
    today, last = latest.astimezone(zone).date(), written and written.astimezone(zone).date()
    for found in _matches(plain_text(name)):
        days = _readings(found.groupdict(), today, last)
        if len(days) != 1:
            continue
        try:
            moment = _instant(found.groupdict(), days.pop(), zone)
        except (ValueError, OverflowError):  # the 25th hour: no date
            continue
        if moment <= latest:
            return moment
    return None


def ambiguous_date_in(name: str, zone: ZoneInfo, latest: datetime) -> str | None:
    """Return the first date in a file name that can be read in two ways (1-5-2026), or None.

    Args:
        name: The file name.
        zone: The time zone of dates without an offset.
        latest: The latest credible date, aware.
    """
    today = latest.astimezone(zone).date()
    ambiguous = (
        found[0]
        for found in _matches(plain_text(name))
        if len(_readings(found.groupdict(), today, None)) > 1
    )
    return next(ambiguous, None)


def without_dates(name: str) -> str:
    """Return what a name says beside dates, times and days of the week, in plain characters."""
    text = plain_text(name)
    for pattern in (*_WITH_TIME, *_WITHOUT_TIME, _PART_OF_A_DATE, _WEEKDAY):
        text = pattern.sub(" ", text)
    return text.strip(" _.,()[]【】-")


def meeting_code_in_name(name: str) -> str | None:
    """Return the meeting code in a file name that Tencent Meeting gave, or None."""
    found = _TENCENT_CODE.match(name)
    return found[1] if found else None


def _matches(name: str) -> Iterator[re.Match[str]]:
    """Yield what may be a date: with a time of day first, then from left to right."""
    if sum(map(str.isdecimal, name)) < _FEWEST_DIGITS:
        return
    for patterns in (_WITH_TIME, _WITHOUT_TIME):
        found = [one for pattern in patterns for one in pattern.finditer(name)]
        for one in sorted(found, key=lambda one: (one.start(), -one.end())):
            if not _is_other_number(one):
                yield one


def _is_other_number(found: re.Match[str]) -> bool:
    """Return whether what precedes digits says that they are a version, a section or an id."""
    before, part = found.string[: found.start()], found.groupdict()
    if part.get("short") and (_VERSION if part.get("gap") == "." else _CHAPTER).search(before):
        return True
    if part.get("year") and part.get("gap") == "." and _LONG_VERSION.search(before):
        return True
    return found[0][:6].isdecimal() and bool(_NUMBER.search(before))


def _readings(part: Mapping[str, str | None], today: date, written: date | None) -> set[date]:
    """Return the days that the digits may mean: none, one, or two if they are ambiguous."""
    if part.get("epoch_ms"):
        return {today}  # the digits say the moment
    year, month, day = (int(part.get(unit) or 0) for unit in ("year", "month", "day"))
    if word := part.get("word"):
        month = month_of(word)
    if part.get("first"):
        first, other = int(part["first"] or 0), int(part["other"] or 0)
        return {*_day(year, first, other), *_day(year, other, first)}
    if short := part.get("short"):
        return _of_short_year(int(short), month, day, part.get("gap"), today)
    if year:
        return {*_day(year, month, day)}
    if written is None:
        return set()
    days = (*_day(written.year, month, day), *_day(written.year - 1, month, day))
    return set([one for one in days if one <= written + _A_DAY][:1])


def _of_short_year(short: int, month: int, day: int, gap: str | None, today: date) -> set[date]:
    """Return the days that a year of two digits, a month and a day may mean."""
    days = {*_day(2000 + short, month, day)}
    if gap in ("-", "_", "/"):
        if short < _HOURS:
            return set()  # 20-10-05 may be a time
        days |= {*_day(2000 + day, month, short)}
    return {one for one in days if one <= today and today.year - one.year <= _OLDEST_SHORT}


def _day(year: int, month: int, day: int) -> tuple[date, ...]:
    """Return the day, or nothing if the calendar has no such day."""
    try:
        return (date(year, month, day),)
    except ValueError:
        return ()


def _instant(part: Mapping[str, str | None], day: date, zone: ZoneInfo) -> datetime:
    if epoch_ms := part.get("epoch_ms"):
        return datetime.fromtimestamp(int(epoch_ms) / 1000, UTC)
    hour, minute, second = (int(part.get(unit) or 0) for unit in ("hour", "minute", "second"))
    minute += MINUTES_OF.get(part.get("share") or "", 0)
    if part.get("noon"):
        hour = 12
    hour, days = hour_of_day(hour, part.get("half") or part.get("pm") or "")
    where = UTC if part.get("gmt") else _zone(part.get("zone"), zone)
    moment = datetime.combine(day + timedelta(days=days), time(hour, minute, second), where)
    return moment.astimezone(UTC)


def _zone(text: str | None, zone: ZoneInfo) -> tzinfo:
    if not text:
        return zone
    if text.endswith("北京时间"):
        return BEIJING
    found = _OFFSET.search(text)
    if found is None:
        return UTC
    away = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return timezone(away if found[1] == "+" else -away)
