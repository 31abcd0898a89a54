"""Time windows that a listing covers, and the parsing of times that people type."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from meeting_pipeline.errors import RetryableError, UsageError

ACCEPTED = (
    "7d, 36h, 90m, 2w, 7天 or 2周 (ago), now, today, yesterday, 今天, 昨天, 前天, 上周, "
    "2026-01-05, 20260105, 2026/01/05, 2026.1.5, 2026年1月5日, "
    "2026-01-05T19:30 (an offset or Z may follow), "
    "epoch seconds (10 digits) or milliseconds (13)"
)
"""The formats that `parse_moment` accepts, for messages and help texts."""

_AGO = re.compile(
    r"(?:最近|过去)?(\d+(?:\.\d+)?) *(?:个)?"
    r"(m|h|d|w|分钟|小时|天|周|星期)(?:以?前|内)?",
    re.ASCII,
)
_AGO_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "分钟": timedelta(minutes=1),
    "小时": timedelta(hours=1),
    "天": timedelta(days=1),
    "周": timedelta(weeks=1),
    "星期": timedelta(weeks=1),
}
_DAYS_AGO = {"today": 0, "今天": 0, "yesterday": 1, "昨天": 1, "前天": 2, "大前天": 3}
_LAST_WEEK = ("上周", "上星期", "last week")
_EPOCH = re.compile(r"(\d{10})(\d{3})?(\.\d+)?", re.ASCII)
_CALENDAR = re.compile(
    r"(\d{4})(?:[-/.年] ?(\d{1,2})[-/.月] ?(\d{1,2})[日号]?|(\d{2})(\d{2}))(?:(?:T| +)(.+))?",
    re.ASCII | re.IGNORECASE,
)
_YEARS = range(1969, 9999)
"""UTC years within which every time zone and any look-back can be computed."""


@dataclass(frozen=True)
class Window:
    """The time from `start` (included) to `end` (excluded); both are aware UTC.

    A recording belongs to the window that contains its start.
    """

    start: datetime
    end: datetime

    def contains(self, moment: datetime) -> bool:
        """Return whether a recording that starts at this moment belongs to the window."""
        return self.start <= moment < self.end

    def look_back(self, by: timedelta) -> "Window":
        """Return the window with an earlier start."""
        return Window(self.start - by, self.end)

    def split(
        self, longest: timedelta, overlap: timedelta = timedelta(seconds=1)
    ) -> Iterator["Window"]:
        """Yield shorter windows that together cover this one, oldest first.

        Args:
            longest: The length of a piece at most.
            overlap: What neighbouring pieces share, because services differ in whether the bounds
                of a query are included.

        Raises:
            ValueError: The overlap is not shorter than a piece.
        """
        if not timedelta(0) <= overlap < longest:
            raise ValueError(f"an overlap of {overlap} is not shorter than a piece of {longest}")
        start = self.start
        while self.end - start > longest:
            yield Window(start, start + longest)
            start += longest - overlap
        if start < self.end:
            yield Window(start, self.end)


def no_time_in(window: Window) -> RetryableError:
    """Return the error for a window that ends before it begins, or lies in the future.

    Such a listing is not a complete listing without recordings, so it must not move the watermark.
    """
    return RetryableError(
        "empty_window",
        f"the window from {window.start:%Y-%m-%d %H:%M} to "
        f"{window.end:%Y-%m-%d %H:%M} (UTC) is empty or lies in the future: nothing was listed",
        hint="set this machine's clock: timedatectl set-ntp true",
    )


def parse_window(since: str, until: str | None, now: datetime, zone: ZoneInfo) -> Window:
    """Return the window between two times as people type them.

    Args:
        since: Its start.
        until: Its end, or None for now.
        now: The current time, aware.
        zone: The time zone of times without an offset.

    Raises:
        UsageError: A time cannot be read, or the window is empty ("bad_time").
    """
    start = parse_moment(since, now, zone)
    end = parse_moment(until, now, zone, end=True) if until is not None else now.astimezone(UTC)
    if start < end:
        return Window(start, end)
    raise UsageError(
        "bad_time",
        f"the window is empty: {_shown(start, zone)} is not before {_shown(end, zone)}",
        hint="give a start that is before the end",
    )


def parse_moment(text: str, now: datetime, zone: ZoneInfo, end: bool = False) -> datetime:
    """Return the instant that a text names, as aware UTC.

    Args:
        text: A time as people type it; see `ACCEPTED`.
        now: The current time, aware.
        zone: The time zone of times without an offset.
        end: Whether a day without a time ("yesterday", a date) means its end, which is the start of
            the next day.

    Raises:
        UsageError: The text is not a time ("bad_time").
    """
    text = unicodedata.normalize("NFKC", text)
    word = text.strip().lower()
    if word in _LAST_WEEK:
        today = now.astimezone(zone).date()
        monday = today - timedelta(days=today.weekday() + 7)
        return _midnight(monday + timedelta(days=7 * end), zone)
    if word == "now":
        return now.astimezone(UTC)
    if word in _DAYS_AGO:
        day = now.astimezone(zone).date() - timedelta(days=_DAYS_AGO[word])
        return _midnight(day + timedelta(days=end), zone)
    if ago := _AGO.fullmatch(word):
        return _checked(text, lambda: now - float(ago[1]) * _AGO_UNITS[ago[2]])
    return parse_timestamp(text, zone, end)


def parse_timestamp(text: str, zone: ZoneInfo, end: bool = False) -> datetime:
    """Return the instant that an absolute time names: a date, a date and time, or an epoch.

    Args:
        text: A time as people type it.
        zone: The time zone of times without an offset.
        end: Whether a date without a time means the end of that day.

    Raises:
        UsageError: The text is not such a time ("bad_time").
    """
    stripped = text.strip()
    if epoch := _EPOCH.fullmatch(stripped):
        seconds = float(f"{epoch[1]}.{epoch[2]}" if epoch[2] else epoch[1] + (epoch[3] or ""))
        return datetime.fromtimestamp(seconds, UTC)
    if calendar := _CALENDAR.fullmatch(stripped):
        return _checked(text, lambda: _calendar(calendar, zone, end))
    raise _unreadable(text)


def _calendar(found: re.Match[str], zone: ZoneInfo, end: bool) -> datetime:
    year, month, day, compact_month, compact_day, clock = found.groups()
    when = date(int(year), int(month or compact_month), int(day or compact_day))
    if clock is None:
        return _midnight(when + timedelta(days=end), zone)
    clock = clock.replace(" ", "")
    at = time.fromisoformat(clock if clock[1:2] != ":" else f"0{clock}")
    return datetime.combine(when, at, at.tzinfo or zone).astimezone(UTC)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _shown(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat(" ", "seconds")


def _checked(text: str, read: Callable[[], datetime]) -> datetime:
    try:
        moment = read().astimezone(UTC)
    except (ValueError, OverflowError):
        raise _unreadable(text) from None
    if moment.year not in _YEARS:
        raise _unreadable(text)
    return moment


def _unreadable(text: str) -> UsageError:
    return UsageError("bad_time", f"{text!r} is not a valid time", hint=f"use one of {ACCEPTED}")
