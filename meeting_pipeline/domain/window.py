"""A span of time that a listing covers, and how people write one."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from meeting_pipeline.errors import ConfigError, RetryableError

ACCEPTED = (
    "7d, 36h, 90m or 2w (ago), now, today, yesterday, 今天, 昨天, "
    "2026-01-05, 20260105, 2026/01/05, 2026-01-05T19:30 (an offset or Z may follow), "
    "epoch seconds (10 digits) or milliseconds (13)"
)
"""What `parse_moment` reads, for help texts."""

_AGO = re.compile(r"(\d+(?:\.\d+)?) *([mhdw])", re.ASCII)
_AGO_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_DAYS_AGO = {"today": 0, "今天": 0, "yesterday": 1, "昨天": 1}
_EPOCH = re.compile(r"(\d{10})(\d{3})?(\.\d+)?", re.ASCII)
_CALENDAR = re.compile(
    r"(\d{4})(?:[-/](\d{1,2})[-/](\d{1,2})|(\d{2})(\d{2}))(?:(?:T| +)(.+))?",
    re.ASCII | re.IGNORECASE,
)
_YEARS = range(1969, 9999)
"""UTC years that every zone's 1970 and any look-back fit into."""


@dataclass(frozen=True)
class Window:
    """Recordings that start at or after `start` and before `end`; both aware UTC."""

    start: datetime
    end: datetime

    def contains(self, moment: datetime) -> bool:
        """Whether a recording that starts then belongs here."""
        return self.start <= moment < self.end

    def look_back(self, by: timedelta) -> "Window":
        """The same window, begun earlier."""
        return Window(self.start - by, self.end)

    def split(
        self, longest: timedelta, overlap: timedelta = timedelta(seconds=1)
    ) -> Iterator["Window"]:
        """Pieces no longer than `longest` that together cover every instant, oldest first.

        Neighbours share `overlap`, because a service may treat its bounds either way.
        Raises ValueError when the pieces would not advance.
        """
        if not timedelta(0) <= overlap < longest:
            raise ValueError(f"pieces of {longest} with {overlap} in common do not advance")
        start = self.start
        while self.end - start > longest:
            yield Window(start, start + longest)
            start += longest - overlap
        if start < self.end:
            yield Window(start, self.end)


def no_time_in(window: Window) -> RetryableError:
    """Return the error for a window that ends before it begins, or has not begun yet.

    Nothing can be listed in it, which is not the same as a complete listing without recordings.
    """
    return RetryableError(
        "empty_window",
        f"there is no time yet from {window.start:%Y-%m-%d %H:%M} until "
        f"{window.end:%Y-%m-%d %H:%M} (UTC): nothing was listed",
        hint="set this machine's clock: timedatectl set-ntp true",
    )


def parse_window(since: str, until: str | None, now: datetime, zone: ZoneInfo) -> Window:
    """The window people mean; without `until` it ends now.

    Raises ConfigError("bad_time") for what cannot be read and for a window without an instant.
    """
    start = parse_moment(since, now, zone)
    end = parse_moment(until, now, zone, end=True) if until is not None else now.astimezone(UTC)
    if start < end:
        return Window(start, end)
    raise ConfigError(
        "bad_time",
        f"there is no time from {_shown(start, zone)} until {_shown(end, zone)}",
        hint="give a start that lies before the end",
    )


def parse_moment(text: str, now: datetime, zone: ZoneInfo, end: bool = False) -> datetime:
    """The instant that `text` names, as aware UTC; times without an offset are in `zone`.

    end: a bare day (a date, "yesterday") means its end, which is the start of the day after.
    Raises ConfigError("bad_time"), naming the text and what is accepted.
    """
    word = text.strip().lower()
    if word == "now":
        return now.astimezone(UTC)
    if word in _DAYS_AGO:
        day = now.astimezone(zone).date() - timedelta(days=_DAYS_AGO[word])
        return _midnight(day + timedelta(days=end), zone)
    if ago := _AGO.fullmatch(word):
        return _checked(text, lambda: now - float(ago[1]) * _AGO_UNITS[ago[2]])
    return parse_timestamp(text, zone, end)


def parse_timestamp(text: str, zone: ZoneInfo, end: bool = False) -> datetime:
    """Like `parse_moment`, but only what does not depend on now: dates, times and epochs."""
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


def _unreadable(text: str) -> ConfigError:
    return ConfigError("bad_time", f"{text!r} is no time we can read", hint=f"accepted: {ACCEPTED}")
