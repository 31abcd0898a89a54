"""Durations as people type them."""

import re

_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)", re.ASCII)

ACCEPTED = "a time such as 6h, 90m or 5400 (seconds)"


def parse_duration(text: str) -> float:
    """Return the seconds in "6h", "90m", "1.5h" or a plain number of seconds.

    Raises:
        ValueError: The text is something else, or not positive.
    """
    found = _WRITTEN.fullmatch(text.strip().lower())
    seconds = float(found[1]) * _UNITS_S[found[2]] if found else 0.0
    if seconds <= 0:
        raise ValueError(f"{text!r} is not {ACCEPTED}")
    return seconds
