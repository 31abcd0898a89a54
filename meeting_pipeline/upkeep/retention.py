"""Remove expired files: media once its audio is proven, audio and old transcripts once stored."""

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

_TOGETHER = 200  # files until their removal is committed
_AT_ONCE = 20  # the same beside a run, where it may be killed


@dataclass(frozen=True)
class Removal:
    """What was removed, and what could not be and is tried again next time."""

    removed: Sequence[ExpiredFile] = ()
    failed: Sequence[ExpiredFile] = ()

    def count(self, kind: RetainedKind) -> int:
        """Count the removed files of this kind."""
        return sum(one.kind is kind and one.name is not None for one in self.removed)


@dataclass(frozen=True)
class Retention:
    """Removes expired files below `folder`, and only what our stages made.

    Order: what was made of a file is durable, then committed, then the file goes, then that is
    committed. Killed anywhere in between, the next sweep finds the file again. Of a transcript the
    rows forget the text first, so that no run transcribes the recording again for it. No folder is
    walked: the rows say what is there.
    """

    store: RetentionStore
    folder: Path
    rules: RetentionRules
    now: Callable[[], datetime]

    def sweep(self) -> Removal:
        """Remove what is due by the rules; call it while no other run is at work."""
        removal = self.remove(self.due(self.rules.cutoffs(self.now())))
        for kind in SWEPT:
            if count := removal.count(kind):
                log.info("retention: %s of %d recordings removed", kind, count)
        return removal

    def due(
        self, cutoffs: Cutoffs, kinds: Collection[RetainedKind] = SWEPT
    ) -> Sequence[ExpiredFile]:
        """Return the files of these kinds that `remove` may be given."""
        return self.store.due(cutoffs, kinds)

    def remove(self, files: Sequence[ExpiredFile]) -> Removal:
        """Remove these files; one that cannot be removed is logged and costs no other."""
        removed: list[ExpiredFile] = []
        for start in range(0, len(files), _TOGETHER):
            chunk = files[start : start + _TOGETHER]
            self.store.forget([one.recording_id for one in chunk if one.kind is RetainedKind.TEXTS])
            gone = self.discard(chunk)
            self.store.removed(gone)
            removed += gone
        gone_now = set(removed)
        failed = [one for one in files if one not in gone_now]
        return Removal(tuple(removed), tuple(failed))

    def discard(self, files: Sequence[ExpiredFile]) -> list[ExpiredFile]:
        """Remove these files and return those that are gone, without committing it."""
        if files:
            self.store.settle()
        return [one for one in files if self._is_removed(one)]

    def extracted(self, recording_id: int, media: ExpiredFile | None) -> list[ExpiredFile]:
        """Discard the media of a recording whose audio has just been committed; see `discard`.

        media: None where this is not known.
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
            log.warning("#%d: its %s cannot be removed: %s", file.recording_id, file.kind, error)
            return False
        return True

    def _remove_other_copies(self, recording_id: int, folder: RecordFolder) -> None:
        """Write summary.md without the transcript, and remove the paid answers that hold it."""
        stored = self.store.minutes(recording_id)
        if stored is None:
            raise RecordError("rows_lost", "its rows hold no summary to write summary.md from")
        meta, minutes = stored
        page = render_markdown(meta, minutes.transcript, minutes.summary)
        artifact = folder.write("summary.md", page.encode())
        self.store.replace_artifact(recording_id, StageName.STORE, artifact)
        PaidCalls(folder).forget_all()


@dataclass(frozen=True)
class RetentionObserver(RunObserver):
    """Removes media as soon as a run needs it no more, and sweeps when the run is over.

    That it has removed some is committed for several recordings at once; what comes to nothing,
    should the run be killed, is found by the next sweep.
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
        fetched = self._media.pop(recording_id, None)  # None: by an earlier run
        if gone := self.retention.extracted(recording_id, fetched):
            log.info("#%d media removed", recording_id)
            self._gone.extend(gone)
        if len(self._gone) >= _AT_ONCE:
            self._commit_gone()

    def _commit_gone(self) -> None:
        gone = []
        with suppress(IndexError):  # another thread takes from it, too
            while True:
                gone.append(self._gone.popleft())
        if gone:
            self.retention.store.removed(gone)

    def _try(self, work: Callable[[], object]) -> None:
        try:
            work()
        except MeetingError as trouble:
            log.error("what is due for deletion stays until the next run: %s", trouble)
