"""A span of time that a listing covers."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Window:
    """Recordings that start at or after `start` and before `end`; both aware UTC."""

    start: datetime
    end: datetime
