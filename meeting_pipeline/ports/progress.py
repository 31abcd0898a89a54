"""Progress callbacks."""

from collections.abc import Callable

Progress = Callable[[float], None]
"""Called with the share (0..1) of the work that is done."""


def no_progress(fraction: float) -> None:
    """Ignore progress."""
