"""Times as text, in the configured zone."""

from datetime import datetime
from zoneinfo import ZoneInfo


def iso(moment: datetime, zone: ZoneInfo) -> str:
    """Return a time as ISO 8601 with its offset, to the second."""
    return moment.astimezone(zone).isoformat(timespec="seconds")


def iso_or_none(moment: datetime | None, zone: ZoneInfo) -> str | None:
    """Return a time as `iso` does; None when there is none."""
    return iso(moment, zone) if moment else None


def to_second(moment: datetime | None, zone: ZoneInfo) -> str:
    """Return "2026-01-05 19:30:00", without the offset; "" when there is no time."""
    return iso(moment, zone)[:19].replace("T", " ") if moment else ""


def to_minute(moment: datetime | None, zone: ZoneInfo) -> str:
    """Return "2026-01-05 19:30", without the offset; "" when there is no time."""
    return to_second(moment, zone)[:16]
