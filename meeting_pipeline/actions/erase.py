"""Erasure of a student: rows, files and log lines."""

from collections.abc import Callable

from meeting_pipeline.ports.rows import StatsStore
from meeting_pipeline.ports.upkeep import ErasureStore
from meeting_pipeline.runtime.logs import log_folder
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.upkeep.erasure import Erased, Erasure
from meeting_pipeline.wiring import stores

_COMMAND = "erase"


def plan_erasure(settings: Settings, student: str) -> Erased:
    """Return what `erase` would erase; nothing is written.

    Args:
        settings: The installation.
        student: The id under which the student is counted.

    Raises:
        Busy: A run is at work.
        UsageError: ("no_such_student", "not_a_student") when there is no such student.
    """
    with stores.planning(settings, _COMMAND) as rows:
        return _erasure(settings, rows.erasure, rows.stats).plan(student)


def erase(
    settings: Settings, student: str, confirm: Callable[[Erased], None] | None = None
) -> Erased:
    """Erase a student and return what was erased; an erasure that broke off is completed.

    Args:
        settings: The installation.
        student: The id under which the student is counted.
        confirm: Called with the plan while no run can begin; what it raises ends the erasure
            before anything is erased.

    Raises:
        Busy: A run is at work.
        UsageError: ("no_such_student", "not_a_student") when there is no such student.
        FatalError: The disk or the database refuses; the same call again completes the erasure.
    """
    with stores.locked_database(settings, _COMMAND) as rows:
        erasure = _erasure(settings, rows.erasure, rows.stats)
        if confirm is not None:
            confirm(erasure.plan(student))
        return erasure.erase(student)


def _erasure(settings: Settings, store: ErasureStore, stats: StatsStore) -> Erasure:
    data_dir = settings.source.data_dir
    log_dirs = dict.fromkeys([log_folder(data_dir, settings.home), data_dir / "logs"])
    return Erasure(store, stats, data_dir, tuple(log_dirs))
