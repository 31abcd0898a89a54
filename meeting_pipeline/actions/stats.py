"""Statistics of students."""

from collections.abc import Mapping
from dataclasses import dataclass

from meeting_pipeline.domain.views import StatisticsBasis, StudentView
from meeting_pipeline.reporting.no_students import no_such_student, why_no_students
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.wiring import stores


@dataclass(frozen=True)
class Stats:
    """Students with their numbers.

    Attributes:
        students: The student seen last comes first.
        differences: How many students differ from a recomputation; None when not compared.
        why_empty: Why there are no students; "" where there are some.
    """

    students: tuple[StudentView, ...]
    differences: int | None = None
    why_empty: str = ""


def stats(
    settings: Settings, student: str | None = None, *, verify: bool = False, rebuild: bool = False
) -> Stats:
    """Return the numbers of students, or of one student.

    Args:
        settings: The installation.
        student: The id or a name of a student; None for all.
        verify: Whether to compare the stored numbers with a recomputation.
        rebuild: Whether to recompute and store all numbers first.

    Raises:
        FatalError: The database refuses.
    """
    with stores.stored(settings) as rows:
        if rebuild:
            rows.stats.rebuild()
        differences = len(rows.stats.differences()) if verify else None
        found = rows.reading.stats(student)
        why_empty = ""
        if not found:
            known = rows.reading.students() if student else {}
            why_empty = _why_empty(settings, rows.reading.statistics_basis(), student, known)
        return Stats(found, differences, why_empty)


def _why_empty(
    settings: Settings, basis: StatisticsBasis, student: str | None, known: Mapping[str, str]
) -> str:
    if student and known:
        return no_such_student(student, known)
    return why_no_students(basis, len(settings.source.teacher_whitelist))
