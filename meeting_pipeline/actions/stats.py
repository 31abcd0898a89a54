"""Statistics of students."""

from dataclasses import dataclass

from meeting_pipeline.domain.views import StudentView
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.wiring import stores


@dataclass(frozen=True)
class Stats:
    """Students with their numbers.

    Attributes:
        students: The student seen last comes first.
        differences: How many students differ from a recomputation; None when not compared.
    """

    students: tuple[StudentView, ...]
    differences: int | None = None


def stats(
    settings: Settings, student: str | None = None, *, verify: bool = False, rebuild: bool = False
) -> Stats:
    """Return the numbers of students, or of one student.

    Args:
        settings: The installation.
        student: The id of a student; None for all.
        verify: Whether to compare the stored numbers with a recomputation.
        rebuild: Whether to recompute and store all numbers first.

    Raises:
        FatalError: The database refuses.
    """
    with stores.stored(settings) as rows:
        if rebuild:
            rows.stats.rebuild()
        differences = len(rows.stats.differences()) if verify else None
        return Stats(rows.reading.stats(student), differences)
