"""What `meeting` says and stores, without what differs between two runs or two machines.

Replaced are the time of day and everything reckoned from it, durations of our own work, ports and
the names of paid calls, which depend on them, folders, numbers of processor cores, versions of
programs and the room on a disk. The dates of recordings lie in the past and stay. A placeholder is
as wide as what it replaces where a table is aligned by it. Blanks at the end of a line go.
Everything else is compared as it is.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

_MOMENT = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"((?P<sign>[T ])(?P<clock>\d\d:\d\d(:\d\d)?)([.,]\d+)?(?P<zone>[+-]\d\d:\d\d)?)?"
)
_STAMP = re.compile(r"\b(\d{8})-\d{6}\b")
_LOG_TIME = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (?=[A-Z]+ )")
_SAID_BESIDE_THE_WORK = (
    re.compile(r"run \d+: listing "),
    re.compile(r"not finished at Tencent|is not a readable mp4"),
    re.compile(r"listed \d+ recordings"),
    re.compile(r"\d+ records are due so far"),
    re.compile(r"ALLOW_PRIVATE_HOSTS is on"),  # by each part that downloads, at its own time
)
"""What other threads say than those that work, in the order in which it is held."""
_ANY_LOOK_BACK = timedelta(days=40)
_SURELY_LATER = timedelta(minutes=1)

_PHRASES: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(pattern), placeholder)
    for pattern, placeholder in (
        (r"(done in|ended after|用时|lower bound) \d+\.\d s(, waited \d+\.\d s)?", r"\1 #.# s"),
        (r"× \d+\.\d s", "× #.# s"),
        (r"calls/[0-9a-f]{64}\.json", "calls/#.json"),
        (r"reached \d+\.\d\d ×", "reached #.## ×"),
        (r"slowest is \w+", "slowest is …"),
        (r"瓶颈 slowest: [^;]+;", "瓶颈 slowest: …;"),
        (r"^( {20,})\d\d:\d\d *$", r"\1hh:mm"),  # a narrow column breaks a time after its day
    )
)
_CELLS: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(rf"{pattern}(?P<rest> *)"), placeholder)
    for pattern, placeholder in (
        (r"(?<=hh:mm:ss  )\d+\.\d", "#.#"),
        (r"\d+\.\d GiB free", "# GiB free"),
        (r"SQLite \d+\.\d+\.\d+", "SQLite #"),
        (r"aria2 \d+\.\d+\.\d+", "aria2 #"),
        (r"(?<=PyAV on )\w+|(?<=FFmpeg on )\w+", "#"),
    )
)
"""What may be followed by blanks up to the next column of a table."""

_VALUES = re.compile(
    r"seconds|waited_s|lower_bound_s|slowest|in_use\.\w+"
    r"|timing\.(lower_bound_s|ratio|slowest|longest_record_s)"
    r"|timing\.stages\.\w+\.(seconds|waited_s)"
    r"|timing\.gates\.\w+\.(busy_s|waited_s|occupancy)"
    r"|stages\.\d+\.seconds"
    r"|usage\.\d+\.call"
)
"""Where in a JSON document: keys and positions, joined by dots."""


@dataclass(frozen=True)
class Steady:
    """Replaces what varies.

    names: texts of this run and what each is called instead. core_gates: the gates with as many
    slots as there are processor cores. began: when the run did; what lies more than forty days
    before it does not depend on it.
    """

    names: Mapping[str, str]
    core_gates: Sequence[str] = ("cpu",)
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    def output(self, text: str) -> str:
        """One JSON document, several, one a line, or lines for people."""
        if text.startswith("{\n"):
            return self.text(self._document(text, indent=2))
        return self.text(text)

    def log(self, text: str) -> str:
        """Lines of standard error; those that are said beside the work first."""
        lines = [_LOG_TIME.sub("<time> ", line) for line in text.splitlines()]
        return self.text("\n".join(sorted(lines, key=_turn)))

    def text(self, text: str) -> str:
        """Any text, line by line."""
        for name in sorted(self.names, key=len, reverse=True):
            text = text.replace(name, self.names[name])
        return "\n".join(self._line(line).rstrip() for line in text.split("\n"))

    def _line(self, line: str) -> str:
        if line.startswith('{"') and line.endswith("}"):
            line = self._document(line, indent=None)
        line = _STAMP.sub(self._stamp, _MOMENT.sub(self._moment, line))
        for pattern, placeholder in _PHRASES:
            line = pattern.sub(placeholder, line)
        for pattern, placeholder in _CELLS:
            line = pattern.sub(_padded(placeholder), line)
        return self._occupancy(line) if "in use: " in line else line

    def _occupancy(self, line: str) -> str:
        for gate in self.core_gates:
            line = re.sub(rf"({gate.upper()} \d+% ×) \d+", r"\1 #", line)
        return re.sub(r"\d+%", "#%", line)

    def _moment(self, found: re.Match[str]) -> str:
        if found["day"] < f"{self.began - _ANY_LOOK_BACK:%Y-%m-%d}":
            return found[0]
        year = "YYYY"
        if found["zone"] and datetime.fromisoformat(found[0]) > datetime.now(UTC) + _SURELY_LATER:
            year = "LATE"
        if not found["clock"]:
            return f"{year}-MM-DD"
        clock = "hh:mm:ss"[: len(found["clock"])]
        return f"{year}-MM-DD{found['sign']}{clock}{found['zone'] or ''}"

    def _stamp(self, found: re.Match[str]) -> str:
        is_old = found[1] < f"{self.began - _ANY_LOOK_BACK:%Y%m%d}"
        return found[0] if is_old else "YYYYMMDD-hhmmss"

    def _document(self, text: str, indent: int | None) -> str:
        document = json.loads(text)
        written = json.dumps(document, ensure_ascii=False, indent=indent)
        assert written == text.rstrip("\n"), "JSON is not laid out as before"
        return json.dumps(self._steadied(document, ""), ensure_ascii=False, indent=indent)

    def _steadied(self, value: Any, place: str) -> Any:
        if isinstance(value, dict):
            return {key: self._steadied(one, _at(place, key)) for key, one in value.items()}
        if isinstance(value, list):
            return [self._steadied(one, _at(place, number)) for number, one in enumerate(value)]
        if value is None:
            return None
        if place in [f"timing.gates.{gate}.slots" for gate in self.core_gates]:
            return "#"
        return "#" if _VALUES.fullmatch(place) else value


def _turn(line: str) -> int:
    """Which of _SAID_BESIDE_THE_WORK a line is, else after them."""
    kinds = enumerate(_SAID_BESIDE_THE_WORK)
    return next((turn for turn, kind in kinds if kind.search(line)), len(_SAID_BESIDE_THE_WORK))


def _at(place: str, key: object) -> str:
    return f"{place}.{key}" if place else str(key)


def _padded(placeholder: str) -> Callable[[re.Match[str]], str]:
    """As wide as what was there, where blanks follow."""
    return lambda found: placeholder.ljust(len(found[0])) if found["rest"] else placeholder


def minutes_later(moment: str, since: str) -> str:
    """How long after another moment this one is."""
    later = datetime.fromisoformat(moment) - datetime.fromisoformat(since)
    return f"{later.total_seconds() / 60:.0f} min later"
