"""The interface of a stage, which makes one file from the value before it and can load it."""

from typing import Protocol, TypeVar, runtime_checkable

from meeting_pipeline.domain.stages import Artifact, StageName
from meeting_pipeline.ports.stage_context import StageContext

In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)


class Stage(Protocol[In_contra, Out_co]):
    """One step of a record; it keeps no state between records, so that many can run at once."""

    @property
    def name(self) -> StageName:
        """Return its name in ledger and reports."""

    @property
    def settings(self) -> str:
        """Return the settings that change its result; they are part of the fingerprint."""

    def run(self, value: In_contra, context: StageContext) -> Artifact:
        """Do the work and write the result durably to the recording's folder.

        Args:
            value: The result of the stage before it.
            context: The recording.

        Raises:
            MeetingError: The work failed; any other exception is a bug.
        """

    def load(self, artifact: Artifact, context: StageContext) -> Out_co:
        """Return the value that `run` wrote to a file, which was just verified."""


@runtime_checkable
class Restorable(Protocol):
    """A stage whose result is kept in rows, too."""

    def restore(self, context: StageContext) -> Artifact | None:
        """Write the file of a result that is done again; None if the rows do not hold it."""
