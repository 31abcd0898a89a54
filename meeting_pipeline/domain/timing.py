"""Where the time of a run went, by stage and by resource, and how short it could have been."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Resource(StrEnum):
    """A resource that records share and wait for, in the order in which a record needs them."""

    TENCENT = "tencent"
    DOWNLOAD = "download"
    CPU = "cpu"
    ASR = "asr"
    LLM = "llm"


@dataclass(frozen=True)
class StageWork:
    """The work of one stage for one record.

    Attributes:
        seconds: The time at work, without the waits.
        waited_s: Seconds spent waiting at gates.
        size_bytes: The size of the file that it left, or 0.
        file_name: The name of the file that it left, or "".
    """

    seconds: float
    waited_s: float = 0.0
    size_bytes: int = 0
    file_name: str = ""


@dataclass(frozen=True)
class StageTime:
    """The work of one stage for all records: how often it ran, and the sums of `StageWork`."""

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
    """The use of a resource, now and since the run began.

    Attributes:
        resource: The resource.
        slots: How many may use it at once.
        used: How many use it now.
        waiting: How many wait for it now.
        busy_s: Seconds of use, summed over all slots.
        waited_s: Seconds of waiting, summed over all records.
        entries: How often a slot was taken.
    """

    resource: Resource
    slots: int
    used: int = 0
    waiting: int = 0
    busy_s: float = 0.0
    waited_s: float = 0.0
    entries: int = 0

    @property
    def bound_s(self) -> float:
        """Seconds that a run takes at least which needs this much of it."""
        return self.busy_s / self.slots

    def occupancy(self, seconds: float) -> float:
        """Return the share (0..1) of its slots that was used in a run of that many seconds."""
        return self.bound_s / seconds if seconds > 0 else 0.0


@dataclass(frozen=True)
class Timing:
    """The timing of a whole run.

    Attributes:
        seconds: Wall time in seconds.
        stages: The work by the name of the stage, in the order of the stages.
        gates: The use of each resource, in the order of `Resource`.
        longest_record_s: The seconds of work that the longest record took by itself.
    """

    seconds: float = 0.0
    stages: Mapping[str, StageTime] = field(default_factory=dict)
    gates: tuple[GateUse, ...] = ()
    longest_record_s: float = 0.0

    @property
    def lower_bound_s(self) -> float:
        """Return the seconds that this work takes at least.

        The bound is set by the busiest resource or by the longest record.
        """
        return max((self.longest_record_s, *(gate.bound_s for gate in self.gates)))

    @property
    def ratio(self) -> float | None:
        """Return the wall time divided by the lower bound (1.0 is perfect); None without work."""
        return self.seconds / self.lower_bound_s if self.lower_bound_s > 0 else None

    @property
    def slowest(self) -> Resource | None:
        """Return the resource that bounds the run, or None for a run without work."""
        busiest = max(self.gates, key=lambda gate: gate.bound_s, default=None)
        return busiest.resource if busiest and busiest.busy_s > 0 else None
