"""The table of `make faults`: what was broken, how often, and what harm came of it."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.invariants import Finding, Harm

ALL = os.environ.get("FAULTS") == "all"
"""Every point, as `make faults` wants it; else a sample of them."""

PARTS = 8 if ALL else 1
"""Into how many tests an enumeration is cut, so that more than one core can work on it."""

FEW = 2 if ALL else 1
"""The same for one of which only some points are tried."""

_PROPERTY, _PLANTED = "faults", "planted"


@dataclass
class Tally:
    """What one test found.

    kind: the row of the table. every: one in so many points is tried, 0 where nobody counts them.
    """

    kind: str
    every: int = 1
    points: int = 0
    harms: Counter[str] = field(default_factory=Counter)
    first: list[str] = field(default_factory=list)

    def point(self, found: Iterable[Finding], where: object, kills: int = 1) -> bool:
        """Note what came of one point where something was broken; returns whether that is no harm.

        kills: how often it was broken there indeed; a night that went past its point counts none.
        """
        self.points += kills
        findings = list(found)
        self.harms.update(finding.harm.value for finding in findings)
        self.first += [f"{where}: {finding}" for finding in findings]
        return not findings

    def told(self, request: pytest.FixtureRequest) -> None:
        """Hand the row over to the table, and fail for any harm."""
        row = {"kind": self.kind, "every": self.every, "points": self.points}
        row["harms"] = dict(self.harms)
        request.node.user_properties.append((_PROPERTY, json.dumps(row)))
        assert not self.first, "\n".join(self.first[:20])


def table(reports: Iterable[pytest.TestReport], others: int) -> Sequence[str]:
    """The lines of the table. others: how many fault tests passed that tell no points."""
    points: Counter[str] = Counter()
    every: dict[str, int] = {}
    harms: dict[str, Counter[str]] = {}
    for row in _rows(reports):
        points[row["kind"]] += row["points"]
        every[row["kind"]] = row["every"]
        harms.setdefault(row["kind"], Counter()).update(row["harms"])
    if not points:
        return []
    width = max(len(kind) for kind in [*points, "other fault tests"])
    head = " | ".join(f"{harm.value:>13}" for harm in Harm)
    lines = [f"{'':{width}} | tried    | points killed | {head}"]
    for kind, number in points.items():
        cells = " | ".join(f"{harms[kind][harm.value]:>13}" for harm in Harm)
        lines.append(f"{kind:{width}} | {_share(every[kind]):>8} | {number:>13} | {cells}")
    lines.append(f"{'other fault tests':{width}} | {'':8} | {others:>13} | passed")
    return lines


def _share(every: int) -> str:
    return {0: "", 1: "all"}.get(every, f"1 in {every}")


def say_found(request: pytest.FixtureRequest, text: str) -> None:
    """Have a line below the table about a planted bug that was found."""
    request.node.user_properties.append((_PLANTED, text))


def found_bugs(reports: Iterable[pytest.TestReport]) -> list[str]:
    """The lines about planted bugs."""
    return [
        f"planted: {value}"
        for report in reports
        for name, value in report.user_properties
        if name == _PLANTED
    ]


def is_told(report: pytest.TestReport) -> bool:
    """Whether this test has a row in the table."""
    return any(name in (_PROPERTY, _PLANTED) for name, _ in report.user_properties)


def _rows(reports: Iterable[pytest.TestReport]) -> Iterable[dict[str, Any]]:
    for report in reports:
        for name, value in report.user_properties:
            if name == _PROPERTY:
                yield json.loads(str(value))
