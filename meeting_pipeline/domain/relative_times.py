"""Times that count from now, as people type them: 7d, 三天前, 半个月, 上周五, 昨晚8点."""

import calendar
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from meeting_pipeline.domain.written_clock import half_of, read_clock

_AGO = re.compile(
    r"(?:最近|过去|近|last |past )?(?P<number>\d+(?:\.\d+)?|半) *(?:个 *)?"
    r"(?P<unit>m|h|d|w|(?:minute|hour|day|week|month|year)s?|分钟|小时|天|周|星期|礼拜|(?<=个)月|年)"
    r"(?: ago|之?以?前|以?内|以?来)?",
    re.ASCII,
)
_LENGTHS = {
    **dict.fromkeys(("m", "minute", "分钟"), timedelta(minutes=1)),
    **dict.fromkeys(("h", "hour", "小时"), timedelta(hours=1)),
    **dict.fromkeys(("d", "day", "天"), timedelta(days=1)),
    **dict.fromkeys(("w", "week", "周", "星期", "礼拜"), timedelta(weeks=1)),
}
_HALVES = {"小时": timedelta(minutes=30), "天": timedelta(hours=12), "月": timedelta(days=15)}
_MONTHS = {"month": 1, "月": 1, "year": 12, "年": 12}
_MONTHS_A_YEAR = 12

_DAYS_AGO = {"今": 0, "今天": 0, "今日": 0, "today": 0, "大前天": 3}
_DAYS_AGO |= dict.fromkeys(("昨", "昨天", "昨日", "yesterday"), 1)
_DAYS_AGO |= dict.fromkeys(("前", "前天", "前日"), 2)
_DAY = re.compile(rf"({'|'.join(sorted(_DAYS_AGO, key=len, reverse=True))}) *(.*)")
_PARTS = {"am": (0, 12), "noon": (11, 14), "pm": (12, 18), "night": (18, 30)}
"""The hours of a day between which a part of it lies."""

_BEFORE = r"(?P<before>上{1,3}|last |本|这|this )1?个?"
_WEEK = re.compile(rf"{_BEFORE}(?:周|星期|礼拜|week)(?P<weekday>[一二三四五六日天])?")
_MONTH = re.compile(rf"{_BEFORE}(?:月|month)")
_YEARS_AGO = {"今年": 0, "this year": 0, "去年": 1, "last year": 1, "前年": 2}
_YEAR = re.compile("|".join(_YEARS_AGO))


def relative_moment(text: str, now: datetime, zone: tzinfo, end: bool) -> datetime | None:
    """Return the instant that a text names from now, or None if it is not such a text.

    Args:
        text: The text in lower case, as `plain_text` returns it.
        now: The current time, aware UTC.
        zone: The time zone in which days begin.
        end: Whether a day, week, month or part of a day means its end.

    Raises:
        ValueError: The text cannot be read.
        OverflowError: The instant is too long ago.
    """
    if text == "now":
        return now
    today = now.astimezone(zone).date()
    readings: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], datetime | None]], ...] = (
        (_AGO, lambda found: _ago(found, now, zone)),
        (_WEEK, lambda found: _midnight(_week(found, today, end), zone)),
        (
            _MONTH,
            lambda found: _midnight(_months_on(today.replace(day=1), end - _back(found)), zone),
        ),
        (_YEAR, lambda found: _midnight(date(today.year - _YEARS_AGO[found[0]] + end, 1, 1), zone)),
        (_DAY, lambda found: _on_a_day(found, today, zone, end)),
    )
    for pattern, reading in readings:
        if found := pattern.fullmatch(text):
            return reading(found)
    return None


def _ago(found: re.Match[str], now: datetime, zone: tzinfo) -> datetime | None:
    unit = found["unit"].removesuffix("s")
    months = _MONTHS.get(unit)
    if found["number"] == "半" and months != _MONTHS["年"]:
        return now - _HALVES[unit] if unit in _HALVES else None
    if months is None:
        return now - float(found["number"]) * _LENGTHS[unit]
    number = 0.5 if found["number"] == "半" else float(found["number"])
    if not (number * months).is_integer():
        return None
    local = now.astimezone(zone)
    day = _months_on(local.date(), -int(number * months))
    return datetime.combine(day, local.time(), zone)


def _back(found: re.Match[str]) -> int:
    """Return how many weeks or months "上", "上上" or "last" go back."""
    return found["before"].count("上") or int(found["before"] == "last ")


def _week(found: re.Match[str], today: date, end: bool) -> date:
    monday = today - timedelta(days=today.weekday() + 7 * _back(found))
    if weekday := found["weekday"]:
        return monday + timedelta(days="一二三四五六日".index(weekday.replace("天", "日")) + end)
    return monday + timedelta(days=7 * end)


def _months_on(day: date, months: int) -> date:
    """Return the day of another month, or the last day of that month if it is shorter."""
    years, month = divmod(day.year * _MONTHS_A_YEAR + day.month - 1 + months, _MONTHS_A_YEAR)
    last = calendar.monthrange(years, month + 1)[1]
    return date(years, month + 1, min(day.day, last))


def _on_a_day(found: re.Match[str], today: date, zone: tzinfo, end: bool) -> datetime | None:
    day, rest = today - timedelta(days=_DAYS_AGO[found[1]]), found[2]
    if not rest and len(found[1]) == 1:
        return None
    if not rest:
        return _midnight(day + timedelta(days=end), zone)
    if half := half_of(rest):
        days, hour = divmod(_PARTS[half][end], 24)
        return datetime.combine(day + timedelta(days=days), time(hour), zone)
    clock, offset = read_clock(rest)
    return datetime.combine(day + timedelta(days=clock.days), clock.time, offset or zone)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
