"""The live view of a run on a terminal; without a terminal, log lines say the same."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from meeting_pipeline.ports.observer import RunObserver


@contextmanager
def display() -> Iterator[RunObserver]:
    """Yield an observer that draws on standard error; a silent one when that is not a terminal."""
    if not sys.stderr.isatty():
        yield RunObserver()
        return
    from meeting_pipeline.cli.progress_display import ProgressDisplay  # loads rich

    with ProgressDisplay() as drawn:
        yield drawn
