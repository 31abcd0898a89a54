"""Files whose time is over are removed: media once its audio is proven, audio once it is rows."""

import logging
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.retention import Cutoffs, Kept, Leftover, RetentionRules
from meeting_pipeline.domain.stages import RecordOutcome, RunReport, StageName
from meeting_pipeline.domain.timing import StageWork
from meeting_pipeline.errors import MeetingError
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.ports.upkeep import RetentionStore
from meeting_pipeline.storage.files import RecordFolder

log = logging.getLogger(__name__)

_TOGETHER = 200  # files until their removal is committed
_AT_ONCE = 20  # the same beside a run, where it may be killed


@dataclass(frozen=True)
class Removal:
    """What was removed, or would be. failed: what could not be, and is tried again next time."""

    removed: Sequence[Leftover] = ()
    failed: Sequence[Leftover] = ()

    def count(self, kept: Kept) -> int:
        """Files of this kind."""
        return sum(one.kept is kept and one.name is not None for one in self.removed)

    @property
    def size_bytes(self) -> int:
        """What it frees."""
        return sum(one.size_bytes for one in self.removed)


@dataclass(frozen=True)
class Retention:
    """Removes what the rules no longer keep, below `folder` and only what our stages made.

    Order: what was made of a file is durable, then committed, then the file goes, then that is
    committed. Killed anywhere in between, the next sweep finds the file again. Nothing is walked:
    the rows say what is there.
    """

    store: RetentionStore
    folder: Path
    rules: RetentionRules
    now: Callable[[], datetime]

    def sweep(self) -> Removal:
        """Remove what is due by the rules; call it while no other run is at work."""
        removal = self.remove(self.due(self.rules.cutoffs(self.now())))
        for kept in Kept:
            if count := removal.count(kept):
                log.info("retention: %s of %d recordings removed", kept, count)
        return removal

    def due(self, cutoffs: Cutoffs, kinds: Collection[Kept] = tuple(Kept)) -> Sequence[Leftover]:
        """What `remove` would be given."""
        return self.store.due(cutoffs, kinds)

    def remove(self, leftovers: Sequence[Leftover]) -> Removal:
        """Remove these files; one that cannot be removed is said and costs no other."""
        removed: list[Leftover] = []
        for start in range(0, len(leftovers), _TOGETHER):
            gone = self.discard(leftovers[start : start + _TOGETHER])
            self.store.removed(gone)
            removed += gone
        gone_now = set(removed)
        failed = [one for one in leftovers if one not in gone_now]
        return Removal(tuple(removed), tuple(failed))

    def discard(self, leftovers: Sequence[Leftover]) -> list[Leftover]:
        """Remove these files, and return those that are gone; nothing is committed of it."""
        if leftovers:
            self.store.settle()
        return [one for one in leftovers if self._is_removed(one)]

    def extracted(self, recording_id: int, media: Leftover | None) -> list[Leftover]:
        """Discard the media of a recording whose audio has just been committed; see `discard`.

        media: None where this is not known.
        """
        if self.rules.media_days > 0:
            return []
        cutoffs = self.rules.cutoffs(self.now())
        return self.discard(
            [media] if media else self.store.due(cutoffs, [Kept.MEDIA], recording_id)
        )

    def _is_removed(self, leftover: Leftover) -> bool:
        try:
            RecordFolder(self.folder, leftover.key).discard(leftover.kept.stem, leftover.name)
        except OSError as error:
            log.warning("#%d: its %s stays: %s", leftover.recording_id, leftover.kept, error)
            return False
        return True


@dataclass(frozen=True)
class RetentionObserver(RunObserver):
    """Removes media as soon as a run needs it no more, and sweeps when the run is over.

    That it has removed some is committed for several recordings at once; what comes to nothing,
    should the run be killed, is found by the next sweep.
    """

    retention: Retention
    _media: dict[int, Leftover] = field(default_factory=dict)
    _gone: deque[Leftover] = field(default_factory=deque)

    def stage_finished(
        self, recording_id: int, meta: RecordMeta, stage: StageName, work: StageWork
    ) -> None:
        if stage is StageName.DOWNLOAD:
            media = Leftover(recording_id, meta.key, Kept.MEDIA, work.file_name, work.size_bytes)
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
