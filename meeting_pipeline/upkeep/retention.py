"""Removal of expired files: media, audio and old transcripts."""

import logging
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from meeting_pipeline.domain.minutes_markdown import render_markdown
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.retention import (
    SWEPT,
    Cutoffs,
    ExpiredFile,
    RetainedKind,
    RetentionRules,
)
from meeting_pipeline.domain.stages import RecordOutcome, RunReport, StageName
from meeting_pipeline.domain.timing import StageWork
from meeting_pipeline.errors import MeetingError, RecordError
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.ports.upkeep import RetentionStore
from meeting_pipeline.storage.files import RecordFolder
from meeting_pipeline.storage.paid_calls import PaidCalls

log = logging.getLogger(__name__)

_BATCH = 200  # files whose removal is committed together
_BATCH_IN_A_RUN = 20  # the same during a run, which may be killed at any time


@dataclass(frozen=True)
class Removal:
    """Removed files, and files that could not be removed and are retried by the next run."""

    removed: Sequence[ExpiredFile] = ()
    failed: Sequence[ExpiredFile] = ()

    def count(self, kind: RetainedKind) -> int:
        """Count the removed files of this kind."""
        return sum(one.kind is kind and one.name is not None for one in self.removed)


@dataclass(frozen=True)
class Retention:
    """The removal of expired files, and only of files that our stages made.

    What was made from a file is durable and committed before the file is removed, and the removal
    is committed after it. When the process is killed in between, the next sweep finds the file
    again. The rows forget a transcript before its file is removed, so that no run transcribes the
    recording again because its file is gone. Folders are not searched: the rows name the files.

    Attributes:
        store: The rows that name expired files.
        folder: The folder with a folder for each recording.
        rules: How long files are kept.
        now: The clock that ages are counted by, aware UTC.
    """

    store: RetentionStore
    folder: Path
    rules: RetentionRules
    now: Callable[[], datetime]

    def sweep(self) -> Removal:
        """Remove the media and audio that expired by the rules, under the run lock."""
        removal = self.remove(self.due(self.rules.cutoffs(self.now())))
        for kind in SWEPT:
            if count := removal.count(kind):
                log.info("retention: %s of %d recordings removed", kind, count)
        return removal

    def due(
        self, cutoffs: Cutoffs, kinds: Collection[RetainedKind] = SWEPT
    ) -> Sequence[ExpiredFile]:
        """Return the expired files of these kinds."""
        return self.store.due(cutoffs, kinds)

    def remove(self, files: Sequence[ExpiredFile]) -> Removal:
        """Remove files and commit it; a file that cannot be removed is logged and left."""
        removed: list[ExpiredFile] = []
        for start in range(0, len(files), _BATCH):
            chunk = files[start : start + _BATCH]
            self.store.forget([one.recording_id for one in chunk if one.kind is RetainedKind.TEXTS])
            gone = self.discard(chunk)
            self.store.removed(gone)
            removed += gone
        gone_now = set(removed)
        failed = [one for one in files if one not in gone_now]
        return Removal(tuple(removed), tuple(failed))

    def discard(self, files: Sequence[ExpiredFile]) -> list[ExpiredFile]:
        """Remove files and return those that are gone now, without committing it."""
        if files:
            self.store.settle()
        return [one for one in files if self._is_removed(one)]

    def extracted(self, recording_id: int, media: ExpiredFile | None) -> list[ExpiredFile]:
        """Discard the media of a recording whose audio was just committed, if the rules say so.

        Args:
            recording_id: The recording.
            media: Its media; None when it is not known.

        Returns:
            The files that are gone, as for `discard`.
        """
        if self.rules.media_days > 0:
            return []
        cutoffs, kinds = self.rules.cutoffs(self.now()), [RetainedKind.MEDIA]
        return self.discard([media] if media else self.store.due(cutoffs, kinds, recording_id))

    def _is_removed(self, file: ExpiredFile) -> bool:
        folder = RecordFolder(self.folder, file.key)
        try:
            if file.kind is RetainedKind.TEXTS:
                self._remove_other_copies(file.recording_id, folder)
            folder.discard(file.kind.stem, file.name)
        except (OSError, RecordError) as error:
            log.warning("#%d: the %s cannot be removed: %s", file.recording_id, file.kind, error)
            return False
        return True

    def _remove_other_copies(self, recording_id: int, folder: RecordFolder) -> None:
        """Write summary.md without the transcript, and remove the paid answers that hold it."""
        stored = self.store.minutes(recording_id)
        if stored is None:
            raise RecordError(
                "rows_lost", "the rows hold no summary, so summary.md cannot be written"
            )
        meta, minutes = stored
        page = render_markdown(meta, minutes.transcript, minutes.summary)
        artifact = folder.write("summary.md", page.encode())
        self.store.replace_artifact(recording_id, StageName.STORE, artifact)
        PaidCalls(folder).forget_all()


@dataclass(frozen=True)
class RetentionObserver(RunObserver):
    """An observer that removes media once its run no longer needs it, and sweeps after the run.

    Removals are committed for several recordings together. When the run is killed before that, the
    next sweep finds them.
    """

    retention: Retention
    _media: dict[int, ExpiredFile] = field(default_factory=dict)
    _gone: deque[ExpiredFile] = field(default_factory=deque)

    def stage_finished(
        self, recording_id: int, meta: RecordMeta, stage: StageName, work: StageWork
    ) -> None:
        if stage is StageName.DOWNLOAD:
            media = ExpiredFile(
                recording_id, meta.key, RetainedKind.MEDIA, work.file_name, work.size_bytes
            )
            self._media[recording_id] = media
        elif stage is StageName.EXTRACT:
            self._try(lambda: self._remove_media(recording_id))

    def record_finished(self, outcome: RecordOutcome) -> None:
        self._media.pop(outcome.id, None)

    def run_finished(self, report: RunReport) -> None:
        self._try(self._commit_gone)
        self._try(self.retention.sweep)

    def _remove_media(self, recording_id: int) -> None:
        fetched = self._media.pop(recording_id, None)  # None: an earlier run downloaded it
        if gone := self.retention.extracted(recording_id, fetched):
            log.info("#%d media removed", recording_id)
            self._gone.extend(gone)
        if len(self._gone) >= _BATCH_IN_A_RUN:
            self._commit_gone()

    def _commit_gone(self) -> None:
        gone = []
        with suppress(IndexError):  # other threads remove from the queue, too
            while True:
                gone.append(self._gone.popleft())
        if gone:
            self.retention.store.removed(gone)

    def _try(self, work: Callable[[], object]) -> None:
        try:
            work()
        except MeetingError as error:
            log.error("expired files are kept until the next run: %s", error)
