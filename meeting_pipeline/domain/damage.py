"""Damage to stored data that the next night does not repair by itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of damage.

    A removal that was broken off is the erasure of a student, or of old transcripts.
    """

    PERMISSIONS = "permissions"
    TEXTS_LOST = "texts_lost"
    RUN_OPEN = "run_open"
    SCHEMA_OLD = "schema_old"
    REMOVAL_BROKEN_OFF = "erasure_broken_off"
    DATABASE_DAMAGED = "database_damaged"


class Verdict(StrEnum):
    """Whether the program can repair the damage, or only its operator."""

    REPAIR = "repair"
    NEEDS_YOU = "needs_you"


@dataclass(frozen=True)
class Finding:
    """One piece of damage.

    Attributes:
        kind: The kind of damage.
        where: A path below DATA_DIR, or a recording and its stage ("#12 transcribe").
        message: What is wrong.
        action: What the repair does, or what the operator has to do.
        repair: Repairs the damage. It may be killed at any instant and called again, and raises
            OSError or MeetingError. None if only the operator can repair it.
        is_repaired: Whether the repair was made.
    """

    kind: Kind
    where: str
    message: str
    action: str
    repair: Callable[[], object] | None = field(default=None, compare=False, repr=False)
    is_repaired: bool = False

    @property
    def verdict(self) -> Verdict:
        """Return who can repair it."""
        return Verdict.REPAIR if self.repair else Verdict.NEEDS_YOU
