"""What keeps rows and files in order: retention, repair, erasure."""

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
    """The transcript and summary in a recording's rows, and the files written from them."""

    def minutes(self, recording_id: int) -> tuple[RecordMeta, Minutes] | None:
        """Return what is stored of a recording; None without transcript or summary."""

    def replace_artifact(self, recording_id: int, stage: StageName, artifact: Artifact) -> None:
        """Commit that this file is what a stage has left, as if it had always been."""


class RetentionStore(StoredTexts, Protocol):
    """Which files of recordings have expired."""

    def due(
        self, cutoffs: Cutoffs, kinds: Collection[RetainedKind], recording_id: int | None = None
    ) -> list[ExpiredFile]:
        """Return the files that nothing needs any more and that are old enough.

        A file that a stage may still need is never among them. For media and audio it costs what is
        due, not what is stored.

        Args:
            cutoffs: When something must have ended to be due.
            kinds: Which kinds of file are asked for.
            recording_id: One recording, or None for all.
        """

    def forget(self, recording_ids: Collection[int]) -> None:
        """Commit that the rows of these recordings hold no transcript any more.

        No run works on them again for it. Status, phase, summary, attendance and what is known of
        the transcript stay.
        """

    def removed(self, files: Iterable[ExpiredFile]) -> None:
        """Commit that these files were removed on purpose, now."""

    def settle(self) -> None:
        """Make what is committed durable, so that the input of a stage may be removed."""


@dataclass(frozen=True)
class Remnant:
    """A place where somebody is still named. where: "recordings.summary" or a file."""

    where: str
    recording_id: int | None = None


@dataclass(frozen=True)
class OpenRun:
    """A run whose row was never completed. started_at: aware UTC."""

    id: int
    command: str
    started_at: datetime


class RepairStore(StoredTexts, Protocol):
    """Rows that were damaged, or that have survived their files.

    Every method but `recordings` is one transaction; each may be repeated.
    """

    def recordings(self) -> "Iterator[RecordingView]":
        """Yield every recording, newest start first, read page by page."""

    def lacking_texts(self) -> frozenset[int]:
        """Return our numbers of recordings that are done without transcript or summary in the rows.

        Those whose transcript was removed on purpose are not among them.
        """

    def reopen(self, recording_id: int, stage: StageName) -> None:
        """Have this stage of a finished recording done again by the next run."""

    def open_runs(self) -> list[OpenRun]:
        """Return the runs that never ended, oldest first: killed ones, while no run is at work."""

    def close_run(self, run_id: int, stopped_by: str) -> None:
        """Commit that a run has ended by now, and why; a complete row stays as it is."""


class ErasureStore(Protocol):
    """A student's rows, to be erased. Every method is one committed transaction."""

    def find(self, student: str) -> Scope:
        """What there is of somebody, by the id they are counted under."""

    def was_erased(self, student: str) -> bool:
        """Whether they were erased before."""

    def erase(self, scope: Scope) -> None:
        """Remove it all, and remember by hashes what must not come back.

        Recordings of theirs alone go whole. In shared ones the texts go, and of the people only
        they; the others keep their attendance and their numbers.
        """

    def compact(self) -> None:
        """Leave nothing of what was removed in the database's files, as far as that is ours."""

    def remnants(self, words: Words) -> list[Remnant]:
        """Wherever one of the words still stands in a row."""
