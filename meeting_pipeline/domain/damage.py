"""What can be wrong with an installation's files and rows, and what follows from it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What was found."""

    FOLDER_MISSING = "data_dir_missing"
    FOLDER_UNUSABLE = "data_dir_unusable"
    KEYS_OPEN = "env_file_open"
    MODE = "permissions"
    OWNER = "owner"
    DATABASE = "database_damaged"
    SCHEMA_OLD = "schema_old"
    SCHEMA_NEW = "schema_new"
    FILE_LOST = "file_lost"
    ROWS_LOST = "rows_lost"
    NOT_IN_LEDGER = "not_in_ledger"
    LEFTOVER = "leftover"
    STAGE_RUNNING = "stage_running"
    RUN_OPEN = "run_open"
    STATISTICS = "statistics"
    ERASURE = "erasure_broken_off"
    TEXTS = "texts_half_removed"
    FOREIGN = "foreign"


class Verdict(StrEnum):
    """What follows from a finding.

    repair: it can be mended safely, by us. needs_you: only the operator can. left_alone: it does
    no harm, and it may not be ours.
    """

    REPAIR = "repair"
    NEEDS_YOU = "needs_you"
    LEFT_ALONE = "left_alone"


def nothing() -> None:
    """How what is not ours to mend is mended."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    where: a path below DATA_DIR, or "#12 transcribe". message: what is wrong. action: what repair
    does about it, or what the operator does. is_mended: whether repair has done so.
    mend: does it; may be killed at any instant and called again. Raises OSError, MeetingError.
    """

    kind: Kind
    where: str
    verdict: Verdict
    message: str
    action: str
    mend: Callable[[], object] = field(default=nothing, compare=False, repr=False)
    is_mended: bool = False

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do something."""
        return self.verdict is not Verdict.LEFT_ALONE and not self.is_mended


def left_alone(where: str, message: str, kind: Kind = Kind.FOREIGN) -> Finding:
    """What is not ours, or does no harm."""
    return Finding(kind, where, Verdict.LEFT_ALONE, message, "left alone")
