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

    def waiting(self) -> AbstractContextManager[None]:
        """Declare that the block waits while it holds a slot, for example for a rate limit.

        While it does, the resource counts as full with the slots that are in use.
        """


class _OpenGate:
    def slot(self) -> AbstractContextManager[None]:
        return nullcontext()

    def waiting(self) -> AbstractContextManager[None]:
        return nullcontext()


OPEN: Gate = _OpenGate()
"""The gate of a resource without a limit."""
