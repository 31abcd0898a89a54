"""Where a recording's ledger and its files do not agree.

A finished recording's texts are made again from its rows: nothing is fetched, heard or paid for.
Of an unfinished one, a stage whose file is lost and still needed is reopened, and the next run does
it again; answers that were paid for are on disk. What nothing needs any more is left alone.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from meeting_pipeline.domain.damage import Finding, Kind, Verdict, left_alone
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
from meeting_pipeline.ports.rows import Setback
from meeting_pipeline.ports.upkeep import RepairStore
from meeting_pipeline.stages.documents import dump
from meeting_pipeline.storage.files import RecordFolder
from meeting_pipeline.upkeep.repair.folders import is_behind_link

KILLED = "killed"
"""The error_code of a stage, and the stopped_by of a run, whose process was killed."""

_READ_BY = {
    StageName.DOWNLOAD: (StageName.EXTRACT,),
    StageName.EXTRACT: (StageName.TRANSCRIBE,),
    StageName.TRANSCRIBE: (StageName.SUMMARIZE, StageName.STORE),
    StageName.SUMMARIZE: (StageName.STORE,),
    StageName.STORE: (),
}
_TEXTS: Mapping[StageName, tuple[str, Callable[[RecordMeta, Minutes], bytes]]] = {
    StageName.TRANSCRIBE: ("transcript.json", lambda meta, minutes: dump(minutes.transcript)),
    StageName.SUMMARIZE: ("summary.json", lambda meta, minutes: dump(minutes.summary)),
    StageName.STORE: (
        "summary.md",
        lambda meta, minutes: render_markdown(meta, minutes.transcript, minutes.summary).encode(),
    ),
}

Stages = Mapping[StageName, LedgerEntry]


@dataclass(frozen=True)
class Recordings:
    """Compares rows with what is below `folder`.

    most_attempts: of one stage until the recording is dead. thorough: files are read, not only
    measured.
    """

    store: RepairStore
    folder: Path
    most_attempts: int
    thorough: bool

    def folder_of(self, view: RecordingView) -> RecordFolder:
        """Where its files are."""
        return RecordFolder(self.folder, RecordKey(view.source, view.record_id))

    def findings(self, view: RecordingView, *, lacks_texts: bool) -> Iterator[Finding]:
        """lacks_texts: it is done, and its rows do not hold what it should have."""
        yield from self._killed(view)
        if view.skip_reason == TEXTS_REMOVED and _is_half_removed(view):
            yield _removal_broken_off(view)
            return
        if view.skip_reason == TEXTS_REMOVED and lacks_texts:
            message = "its rows hold no summary, and its transcript was removed on purpose"
            yield left_alone(f"#{view.id}", message, Kind.ROWS_LOST)
            return
        lost = {
            stage: entry.artifact
            for stage, entry in view.stages.items()
            if entry.artifact and self._is_lost(view, entry, entry.artifact)
        }
        undone = {stage for stage in StageName if not _is_done(view.stages, stage)}
        if lacks_texts:
            undone.add(StageName.STORE)
            yield self._without_rows(view)
        for stage in reversed(StageName):
            if stage in lost:
                yield self._lost(view, stage, lost[stage], undone)

    # ── what is wrong ────────────────────────────────────────────────────────────────────────────

    def _killed(self, view: RecordingView) -> Iterator[Finding]:
        for stage, entry in view.stages.items():
            if entry.status is not StageStatus.RUNNING:
                continue
            is_poison = entry.attempts >= self.most_attempts
            status = StageStatus.DEAD if is_poison else StageStatus.FAILED
            setback = Setback(stage, status, KILLED, "its process was killed")
            becomes = RecordStatus.DEAD if is_poison else RecordStatus.FAILED
            due = "it is dead, `meeting retry` reopens it" if is_poison else "it is due again now"
            yield Finding(
                Kind.STAGE_RUNNING,
                f"#{view.id} {stage}",
                Verdict.REPAIR,
                f"attempt {entry.attempts} was killed",
                f"say so, the attempt counts: {due}",
                partial(self.store.set_back, view.id, setback, becomes),
            )

    def _is_lost(self, view: RecordingView, entry: LedgerEntry, artifact: Artifact) -> bool:
        if entry.status is not StageStatus.DONE or entry.file_removed_at:
            return False
        folder = self.folder_of(view)
        if is_behind_link(folder.path):
            return False  # we write nothing there
        try:
            if self.thorough:
                return not folder.holds(artifact)
            path = folder.file(artifact.name)
            return not path.is_file() or path.stat().st_size != artifact.size_bytes
        except PermissionError:  # which is a finding of its own
            return False
        except OSError:  # the disk cannot read it
            return True

    def _without_rows(self, view: RecordingView) -> Finding:
        return Finding(
            Kind.ROWS_LOST,
            f"#{view.id}",
            Verdict.REPAIR,
            "is done, and its rows hold no transcript or no summary",
            "reopen its last stage: the next run stores them again",
            partial(self.store.reopen, view.id, [StageName.STORE]),
        )

    def _lost(
        self, view: RecordingView, stage: StageName, artifact: Artifact, undone: set[StageName]
    ) -> Finding:
        """undone: what the next run does; a stage that is reopened joins it."""
        where = f"#{view.id} {stage}"
        there = os.path.lexists(self.folder_of(view).file(artifact.name))
        message = f"{artifact.name} is {'altered' if there else 'gone'}"
        if _follows_from_rows(view, stage, artifact, undone):
            mend: Callable[[], object] = partial(self._make_again, view, stage, artifact)
            kept = "; what stands there is kept beside it" if there else ""
            action = f"make it again from the rows{kept}"
        elif stage is StageName.STORE or undone.intersection(_READ_BY[stage]):
            undone.add(stage)
            mend = partial(self.store.reopen, view.id, [stage])
            action = "reopen the stage: the next run does it again"
        else:
            return left_alone(where, f"{message}; nothing needs it any more", Kind.FILE_LOST)
        return Finding(Kind.FILE_LOST, where, Verdict.REPAIR, message, action, mend)

    # ── mending ──────────────────────────────────────────────────────────────────────────────────

    def _make_again(self, view: RecordingView, stage: StageName, artifact: Artifact) -> None:
        stored = self.store.minutes(view.id)
        assert stored is not None, "it is among those that lack no texts"
        name, written = _TEXTS[stage]
        folder = self.folder_of(view)
        _set_aside(folder.file(name))
        if folder.part(name).is_symlink():
            _set_aside(folder.part(name))
        made = folder.write(name, written(*stored))
        if made != artifact:  # rows keep times in milliseconds
            self.store.replace_artifact(view.id, stage, made)


def _is_half_removed(view: RecordingView) -> bool:
    heard = view.stages.get(StageName.TRANSCRIBE)
    return heard is not None and heard.file_removed_at is None


def _removal_broken_off(view: RecordingView) -> Finding:
    message = "its transcript is gone from the rows, and not yet from the files"
    action = "give the same `meeting cleanup --texts` again"
    return Finding(Kind.TEXTS, f"#{view.id}", Verdict.NEEDS_YOU, message, action)


def _is_done(stages: Stages, stage: StageName) -> bool:
    return stage in stages and stages[stage].status is StageStatus.DONE


def _follows_from_rows(
    view: RecordingView, stage: StageName, artifact: Artifact, undone: set[StageName]
) -> bool:
    """Whether the rows hold just this text: they were stored after it was made, and all is done."""
    if view.status is not RecordStatus.DONE or StageName.STORE in undone or stage not in _TEXTS:
        return False
    stored, made = view.stages[StageName.STORE].finished_at, view.stages[stage].finished_at
    is_newest = stored is not None and made is not None and stored >= made
    return is_newest and artifact.name == _TEXTS[stage][0]


def _set_aside(path: Path) -> None:
    """Keep what stands in the way, be it a hand-made change, a link or a folder."""
    number = 1
    while os.path.lexists(path) and os.path.lexists(_aside(path, number)):
        number += 1
    if os.path.lexists(path):
        path.rename(_aside(path, number))


def _aside(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.aside-{number}")
