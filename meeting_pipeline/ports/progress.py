"""How far a piece of work is."""

from collections.abc import Callable

Progress = Callable[[float], None]
"""Told how far a piece of work is, 0..1."""


def no_progress(fraction: float) -> None:
    """For callers that nobody watches."""
