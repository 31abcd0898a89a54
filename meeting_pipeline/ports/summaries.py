"""The interface to the versions of summaries and to phases that are set by hand."""

from typing import Protocol

from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.summary_versions import CurrentSummary, SummaryVersion


class SummaryStore(Protocol):
    """The versions of recordings' summaries; every method is one transaction."""

    def versions(self, recording_id: int) -> list[SummaryVersion]:
        """Return all versions of a recording's summary, the newest first."""

    def current(self, recording_id: int) -> CurrentSummary | None:
        """Return what the recording shows; None if there is no such recording."""

    def choose(self, recording_id: int, version: int) -> bool:
        """Make a version the current one; return False if there is no such version."""

    def set_phase(self, recording_id: int, phase: Phase | None, who: str) -> None:
        """Set the phase of a recording by hand, or give it back to the current version.

        Args:
            recording_id: Our number of the recording.
            phase: The phase, or None to give it back.
            who: The name of who sets it.
        """
