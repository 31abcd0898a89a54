"""What can be wrong with an installation that the next night does not heal by itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What was found; a removal is the erasure of a student or of old transcripts."""

    PERMISSIONS = "permissions"
    TEXTS_LOST = "texts_lost"
    RUN_OPEN = "run_open"
    SCHEMA_OLD = "schema_old"
    REMOVAL_BROKEN_OFF = "erasure_broken_off"
    DATABASE_DAMAGED = "database_damaged"


class Verdict(StrEnum):
    """Who can set it right: the program, or only its operator."""

    REPAIR = "repair"
    NEEDS_YOU = "needs_you"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    where: a path below DATA_DIR, or "#12 transcribe". message: what is wrong. action: what repair
    does about it, or what the operator does. repair: does it, may be killed at any instant and
    called again, raises OSError or MeetingError; None where only the operator can.
    """

    kind: Kind
    where: str
    message: str
    action: str
    repair: Callable[[], object] | None = field(default=None, compare=False, repr=False)
    is_repaired: bool = False

    @property
    def verdict(self) -> Verdict:
        """Return who can set it right."""
        return Verdict.REPAIR if self.repair else Verdict.NEEDS_YOU
