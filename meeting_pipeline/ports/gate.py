"""Limits on the simultaneous uses of a resource."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Gate(Protocol):
    """A semaphore for a resource, with one slot for each simultaneous use."""

    def slot(self) -> AbstractContextManager[None]:
        """Wait for a slot and hold it while the block runs.

        Raises:
            Stopped: The run was asked to end.
        """


class _OpenGate:
    def slot(self) -> AbstractContextManager[None]:
        return nullcontext()


OPEN: Gate = _OpenGate()
"""The gate of a resource without a limit."""
