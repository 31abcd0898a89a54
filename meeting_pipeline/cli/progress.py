"""A live view of a run on a terminal; without one the log lines tell the same."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from meeting_pipeline.ports.observer import RunObserver


@contextmanager
def display() -> Iterator[RunObserver]:
    """An observer that draws on standard error, or a silent one where that is no terminal."""
    if not sys.stderr.isatty():
        yield RunObserver()
        return
    from meeting_pipeline.cli.progress_display import ProgressDisplay

    with ProgressDisplay() as drawn:
        yield drawn
