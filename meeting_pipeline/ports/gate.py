"""Where who uses a resource waits for its turn."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Gate(Protocol):
    """Lets in as many as a resource takes at once."""

    def slot(self) -> AbstractContextManager[None]:
        """Wait for a place, hold it while the block runs.

        Raises Stopped once the run is asked to end.
        """

    def waiting(self) -> AbstractContextManager[None]:
        """For who holds a place and has to wait all the same: the resource is full with fewer."""


class _OpenGate:
    def slot(self) -> AbstractContextManager[None]:
        return nullcontext()

    def waiting(self) -> AbstractContextManager[None]:
        return nullcontext()


OPEN: Gate = _OpenGate()
"""For a resource that takes everybody."""
