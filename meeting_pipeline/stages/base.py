"""What a stage is: it makes one artifact from the value before it, and loads it again."""

from typing import Protocol, TypeVar

from meeting_pipeline.domain.stages import Artifact, StageName
from meeting_pipeline.ports.job import Job

In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)


class Stage(Protocol[In_contra, Out_co]):
    """One step of a record. Stages keep no state between records, so many can run at once."""

    @property
    def name(self) -> StageName:
        """Its name in ledger and reports."""

    @property
    def settings(self) -> str:
        """What of the settings changes its result; part of the fingerprint."""

    def run(self, value: In_contra, job: Job) -> Artifact:
        """Do the work and leave the result durably in the job's folder.

        Raises any of `meeting_pipeline.errors`; what else it raises is a bug.
        """

    def load(self, artifact: Artifact, job: Job) -> Out_co:
        """The value that `run` left, from a file that has just been verified."""
