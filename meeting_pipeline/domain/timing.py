"""Where the time of a run went: per stage and per resource, and how short it could have been."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Resource(StrEnum):
    """What records share and wait for, in the order in which one needs them."""

    TENCENT = "tencent"
    DOWNLOAD = "download"
    CPU = "cpu"
    ASR = "asr"
    LLM = "llm"


@dataclass(frozen=True)
class StageWork:
    """One stage of one record.

    seconds: at work; waited_s: for its turn at a gate, not part of them. file_name, size_bytes: of
    what it left, "" and 0 for nothing.
    """

    seconds: float
    waited_s: float = 0.0
    size_bytes: int = 0
    file_name: str = ""


@dataclass(frozen=True)
class StageTime:
    """All records in one stage: how often it ran, and the sums of `StageWork`."""

    count: int = 0
    seconds: float = 0.0
    waited_s: float = 0.0
    size_bytes: int = 0

    def __add__(self, work: StageWork) -> "StageTime":
        return StageTime(
            self.count + 1,
            self.seconds + work.seconds,
            self.waited_s + work.waited_s,
            self.size_bytes + work.size_bytes,
        )


@dataclass(frozen=True)
class GateUse:
    """How a resource is, or was, used.

    slots: how many may use it at once, or fewer where it is full with fewer now. used, waiting: how
    many do and would like to now. busy_s: seconds of all slots together in which they were used.
    bound_s: seconds in which all of it was used, half of it counting as half of them: no run that
    needs it so much can be shorter. waited_s: seconds of all records together. entries: how often
    it was entered.
    """

    resource: Resource
    slots: int
    used: int = 0
    waiting: int = 0
    busy_s: float = 0.0
    bound_s: float = 0.0
    waited_s: float = 0.0
    entries: int = 0

    def occupancy(self, seconds: float) -> float:
        """Share (0..1) of it that was used in a run of so many seconds."""
        return self.bound_s / seconds if seconds > 0 else 0.0


@dataclass(frozen=True)
class Timing:
    """A whole run. seconds: wall time. longest_record_s: the most that one record took by itself.

    stages: by name, in their order. gates: in the order of `Resource`.
    """

    seconds: float = 0.0
    stages: Mapping[str, StageTime] = field(default_factory=dict)
    gates: tuple[GateUse, ...] = ()
    longest_record_s: float = 0.0

    @property
    def lower_bound_s(self) -> float:
        """What the same work takes at least: its busiest resource, or its longest record."""
        return max((self.longest_record_s, *(gate.bound_s for gate in self.gates)))

    @property
    def ratio(self) -> float | None:
        """Wall time over the lower bound, 1.0 being perfect; None for a run without work."""
        return self.seconds / self.lower_bound_s if self.lower_bound_s > 0 else None

    @property
    def slowest(self) -> Resource | None:
        """What the run waited for most: the resource that bounds it; None without work."""
        busiest = max(self.gates, key=lambda gate: gate.bound_s, default=None)
        return busiest.resource if busiest and busiest.busy_s > 0 else None
