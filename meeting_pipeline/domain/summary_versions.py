"""Versions of a recording's summary, and which of them the recording shows."""

from dataclasses import dataclass
from datetime import datetime

from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import Summary


@dataclass(frozen=True)
class SummaryVersion:
    """One version of a recording's summary.

    Attributes:
        recording_id: Our number of the recording.
        version: Counted from 1 for each recording.
        is_current: Whether the recording shows this version.
        summary: The summary.
        created_at: When it was stored (aware UTC).
    """

    recording_id: int
    version: int
    is_current: bool
    summary: Summary
    created_at: datetime

    @property
    def phase(self) -> Phase:
        """Return the phase that this version found."""
        return self.summary.phase


@dataclass(frozen=True)
class CurrentSummary:
    """What a recording shows: the phase set by hand wins over that of the current version.

    Attributes:
        version: The current version, or None.
        phase: The phase of the recording, or None.
        phase_by_hand: The phase that was set by hand, or None.
        phase_by: Who set it or gave it back last, or None.
        phase_at: When (aware UTC), or None.
    """

    version: int | None
    phase: Phase | None
    phase_by_hand: Phase | None
    phase_by: str | None = None
    phase_at: datetime | None = None


@dataclass(frozen=True)
class SummariesOfRecording:
    """The versions of one recording's summary.

    Attributes:
        recording_id: Our number of the recording.
        current: What the recording shows.
        versions: All versions, the newest first.
    """

    recording_id: int
    current: CurrentSummary
    versions: list[SummaryVersion]
