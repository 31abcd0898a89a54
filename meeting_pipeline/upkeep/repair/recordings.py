"""Texts of finished recordings that are lost in their files or in their rows.

Files are written again from the rows, so nothing is downloaded, transcribed or paid for. Rows are
stored again from the files by the next run. Lost files of unfinished recordings need no repair: the
next attempt makes them again.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from meeting_pipeline.domain.damage import Finding, Kind
from meeting_pipeline.domain.minutes_markdown import render_markdown
from meeting_pipeline.domain.model import Minutes, RecordKey, RecordMeta
from meeting_pipeline.domain.retention import TEXTS_REMOVED
from meeting_pipeline.domain.stages import (
    Artifact,
    LedgerEntry,
    RecordStatus,
    StageName,
    StageStatus,
)
from meeting_pipeline.domain.views import RecordingView
from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports.upkeep import RepairStore
from meeting_pipeline.stages.documents import dump
from meeting_pipeline.storage.files import RecordFolder

_WRITTEN: Mapping[str, Callable[[RecordMeta, Minutes], bytes]] = {
    "transcript.json": lambda meta, minutes: dump(minutes.transcript),
    "summary.json": lambda meta, minutes: dump(minutes.summary),
    "summary.md": lambda meta, minutes: render_markdown(
        meta, minutes.transcript, minutes.summary
    ).encode(),
}


@dataclass(frozen=True)
class Recordings:
    """The comparison of rows with the files of their recordings.

    Attributes:
        store: The rows.
        folder: The folder with a folder for each recording.
        thorough: Whether files are read and hashed; otherwise only their size is compared.
    """

    store: RepairStore
    folder: Path
    thorough: bool

    def findings(self, view: RecordingView, *, lacks_texts: bool) -> Iterator[Finding]:
        """Find the lost texts of one recording.

        Args:
            view: The recording.
            lacks_texts: Whether it is done although its rows hold no transcript or no summary.
        """
        if lacks_texts:
            yield self._without_rows(view)
        elif _is_half_removed(view):
            message = "its transcript was removed from the rows, but not from the files"
            action = "run the same `meeting cleanup --texts` again"
            yield Finding(Kind.REMOVAL_BROKEN_OFF, f"#{view.id}", message, action)
        elif _is_finished(view):
            stored = view.stages[StageName.STORE]
            for stage, entry in view.stages.items():
                file = entry.artifact
                if file and _was_made_before(entry, stored) and self._is_lost(view, entry, file):
                    yield self._lost(view, stage, file)

    def _is_lost(self, view: RecordingView, entry: LedgerEntry, file: Artifact) -> bool:
        folder = self._folder_of(view)
        if file.name not in _WRITTEN or entry.file_removed_at or _is_behind_link(folder.path):
            return False
        try:
            if self.thorough:
                return not folder.holds(file)
            path = folder.file(file.name)
            return not path.is_file() or path.stat().st_size != file.size_bytes
        except PermissionError:  # `modes` finds that
            return False
        except OSError:  # the disk cannot read it
            return True

    def _without_rows(self, view: RecordingView) -> Finding:
        return Finding(
            Kind.TEXTS_LOST,
            f"#{view.id}",
            "is done, but its rows hold no transcript or no summary",
            "reopen its last stage; the next run stores them again",
            partial(self.store.reopen, view.id, StageName.STORE),
        )

    def _lost(self, view: RecordingView, stage: StageName, file: Artifact) -> Finding:
        is_there = os.path.lexists(self._folder_of(view).file(file.name))
        message = f"{file.name} is {'altered' if is_there else 'missing'}"
        kept = "; the altered one is kept beside it" if is_there else ""
        action = f"write it again from the rows{kept}"
        repair = partial(self._write_again, view, stage, file)
        return Finding(Kind.TEXTS_LOST, f"#{view.id} {stage}", message, action, repair)

    def _write_again(self, view: RecordingView, stage: StageName, file: Artifact) -> None:
        stored = self.store.minutes(view.id)
        if stored is None:
            raise RecordError("rows_lost", "the rows hold no summary")
        folder = self._folder_of(view)
        _set_aside(folder.file(file.name))
        written = folder.write(file.name, _WRITTEN[file.name](*stored))
        if written != file:  # rows keep times in milliseconds
            self.store.replace_artifact(view.id, stage, written)

    def _folder_of(self, view: RecordingView) -> RecordFolder:
        return RecordFolder(self.folder, RecordKey(view.source, view.record_id))


def _is_half_removed(view: RecordingView) -> bool:
    transcribed = view.stages.get(StageName.TRANSCRIBE)
    is_there = transcribed is not None and transcribed.file_removed_at is None
    return view.skip_reason == TEXTS_REMOVED and is_there


def _is_finished(view: RecordingView) -> bool:
    """Return whether the next run has nothing to do for a recording."""
    done = [stage for stage, entry in view.stages.items() if entry.status is StageStatus.DONE]
    return view.status is RecordStatus.DONE and len(done) == len(StageName)


def _was_made_before(entry: LedgerEntry, stored: LedgerEntry) -> bool:
    """Return whether the rows were stored after this text, and do not hold an older one."""
    if entry.finished_at is None or stored.finished_at is None:
        return False
    return entry.finished_at <= stored.finished_at


def _is_behind_link(folder: Path) -> bool:
    """Return whether the folder of a recording or of its source is a link, which we do not use."""
    try:
        return folder.is_symlink() or folder.parent.is_symlink()
    except OSError:
        return False


def _set_aside(path: Path) -> None:
    """Rename what is in the way, which may be a file changed by hand, a link or a folder."""
    if os.path.lexists(path):
        names = (path.with_name(f"{path.name}.aside-{number}") for number in count(1))
        path.rename(next(name for name in names if not os.path.lexists(name)))
