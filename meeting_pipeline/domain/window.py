"""Time windows that a listing covers, and the parsing of times that people type."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from meeting_pipeline.domain.relative_times import relative_moment
from meeting_pipeline.domain.written_clock import plain_text, read_clock
from meeting_pipeline.errors import RetryableError, UsageError

ACCEPTED = (
    "7d, 36h, 90m, 2w, 3 months, 7天, 三天前, 一周, 半个月 or 1个月 (ago), now, today, yesterday, "
    "今天, 昨天, 前天, 昨晚, 昨天19:30, 本周, 上周, 上周五, 本月, 上个月, last month, "
    "2026-01-05, 20260105, 2026/01/05, 2026.1.5, 2026年1月5日, 2026年1月5日晚8点, 1月5日, "
    "2026-01-05T19:30 (an offset or Z may follow), "
    "epoch seconds (10 digits) or milliseconds (13)"
)
"""The formats that `parse_moment` accepts, for messages and help texts."""

_EPOCH = re.compile(r"(\d{10})(\d{3})?(\.\d+)?", re.ASCII)
_CALENDAR = re.compile(
    r"(\d{4})(?:[-/.年] ?(\d{1,2})[-/.月] ?(\d{1,2})[日号]?|(\d{2})(\d{2}))"
    r"(?:(?:T| +|(?<=[日号])|(?=[一-鿿]))(.+))?",
    re.ASCII | re.IGNORECASE,
)
_DAY_OF_A_YEAR = re.compile(r"(\d{1,2}) ?月 ?(\d{1,2}) ?[日号]", re.ASCII)
_BETWEEN_LEAP_DAYS = 8
"""Years at most between one 29 February and the next: 1896 and 1904."""

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
    plain = plain_text(text).strip()
    try:
        return _checked(
            text,
            lambda: (
                relative_moment(plain.lower(), now, zone, end)
                or parse_timestamp(_with_year(plain, now.astimezone(zone).date()), zone, end)
            ),
        )
    except UsageError:
        raise _unreadable(text) from None


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


def _with_year(text: str, today: date) -> str:
    """Return a text in which a day without a year has that of the last such day (1月5日)."""
    found = _DAY_OF_A_YEAR.match(text)
    if found is None:
        return text
    month, day = int(found[1]), int(found[2])
    for year in range(today.year, today.year - _BETWEEN_LEAP_DAYS - 1, -1):
        with suppress(ValueError):  # no 29 February in this year
            if date(year, month, day) <= today:
                return f"{year}年{month}月{day}日{text[found.end() :]}"
    return text


def _calendar(found: re.Match[str], zone: ZoneInfo, end: bool) -> datetime:
    year, month, day, compact_month, compact_day, clock = found.groups()
    when = date(int(year), int(month or compact_month), int(day or compact_day))
    if clock is None:
        return _midnight(when + timedelta(days=end), zone)
    at, days = _clock(clock)
    moment = datetime.combine(when + timedelta(days=days), at, at.tzinfo or zone)
    return moment.astimezone(UTC)


def _clock(text: str) -> tuple[time, int]:
    """Return the time of a day, and 1 if it belongs to the next day (晚上12点)."""
    clock = text.replace(" ", "")
    try:
        return time.fromisoformat(clock if clock[1:2] != ":" else f"0{clock}"), 0
    except ValueError:
        written, offset = read_clock(text)
        return written.time.replace(tzinfo=offset), written.days


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
