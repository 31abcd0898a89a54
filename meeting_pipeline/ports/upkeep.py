"""The interfaces to the rows that retention, repair and erasure use."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from meeting_pipeline.domain.erasure import Scope, Words
from meeting_pipeline.domain.model import Minutes, RecordMeta
from meeting_pipeline.domain.retention import Cutoffs, ExpiredFile, RetainedKind
from meeting_pipeline.domain.stages import Artifact, StageName

if TYPE_CHECKING:
    from meeting_pipeline.domain.views import RecordingView


class StoredTexts(Protocol):
    """The transcripts and summaries in rows, from which their files can be written again."""

    def minutes(self, recording_id: int) -> tuple[RecordMeta, Minutes] | None:
        """Return the stored transcript and summary of a recording, or None if one is missing."""

    def replace_artifact(self, recording_id: int, stage: StageName, artifact: Artifact) -> None:
        """Commit that a stage has left this file; nothing else in its ledger entry changes."""


class RetentionStore(StoredTexts, Protocol):
    """The rows that say which files have expired."""

    def due(
        self, cutoffs: Cutoffs, kinds: Collection[RetainedKind], recording_id: int | None = None
    ) -> list[ExpiredFile]:
        """Return the files whose retention has ended and that no stage needs any more.

        For media and audio, the cost depends on the number of expired files, not of stored ones.

        Args:
            cutoffs: When processing must have ended for a file to expire.
            kinds: The kinds of files to return.
            recording_id: One recording, or None for all.
        """

    def forget(self, recording_ids: Collection[int]) -> None:
        """Remove the transcripts from the rows of these recordings.

        No run makes them again. Status, phase, summary, attendance and the figures of the
        transcript stay.
        """

    def removed(self, files: Iterable[ExpiredFile]) -> None:
        """Commit that these files were removed now, by retention."""

    def settle(self) -> None:
        """Make what is committed durable, so that the input of a stage may be removed."""


@dataclass(frozen=True)
class Remnant:
    """A place that still names an erased person.

    Attributes:
        where: A column ("recordings.summary") or a file.
        recording_id: Our number of the recording, or None.
    """

    where: str
    recording_id: int | None = None


@dataclass(frozen=True)
class OpenRun:
    """A run whose row was not completed; it started at `started_at` (aware UTC)."""

    id: int
    command: str
    started_at: datetime


class RepairStore(StoredTexts, Protocol):
    """The rows that repair reads and corrects.

    Every method except `recordings` is one transaction, and each may be repeated.
    """

    def recordings(self) -> "Iterator[RecordingView]":
        """Yield every recording, newest start first, and read them page by page."""

    def lacking_texts(self) -> frozenset[int]:
        """Return our numbers of finished recordings without a transcript or summary in the rows.

        Recordings whose transcript was removed by retention are not among them.
        """

    def reopen(self, recording_id: int, stage: StageName) -> None:
        """Make the next run repeat this stage of a finished recording."""

    def open_runs(self) -> list[OpenRun]:
        """Return the runs without an end, oldest first: killed ones, while no run is active."""

    def close_run(self, run_id: int, stopped_by: str) -> None:
        """Commit that a run has ended, and why; a complete row does not change."""


class ErasureStore(Protocol):
    """The rows of a student to erase; every method commits one transaction."""

    def find(self, student: str) -> Scope:
        """Return everything that is stored about a student, by the id they are counted under."""

    def was_erased(self, student: str) -> bool:
        """Return whether this student was erased before."""

    def erase(self, scope: Scope) -> None:
        """Remove a student, and store hashes of what must not be stored again.

        Recordings with no other student are removed. From shared ones, the texts and this student
        are removed; the other participants keep their attendance and statistics.
        """

    def compact(self) -> None:
        """Remove deleted data from the database's files, as far as this program can."""

    def remnants(self, words: Words) -> list[Remnant]:
        """Return the rows that still hold one of the words."""
