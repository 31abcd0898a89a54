"""Everything that is wrong with an installation, one after the other, and mended if wanted."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from meeting_pipeline.domain.damage import Finding, Kind, Verdict
from meeting_pipeline.errors import MeetingError, Stopped
from meeting_pipeline.ports.rows import StatsStore
from meeting_pipeline.ports.upkeep import RepairStore
from meeting_pipeline.upkeep.repair import folders
from meeting_pipeline.upkeep.repair.modes import mode_of
from meeting_pipeline.upkeep.repair.recordings import KILLED, Recordings


@dataclass(frozen=True)
class Survey:
    """Looks through one installation while no run is at work.

    most_attempts: of one stage until its recording is dead. thorough: files are read, not only
    measured. stopped: asked between recordings.
    """

    store: RepairStore
    stats: StatsStore
    data_dir: Path
    most_attempts: int
    thorough: bool
    stopped: Callable[[], bool]

    def findings(self) -> Iterator[Finding]:
        """Raises Stopped once `stopped` says so, and what the database raises."""
        yield from folders.of_data_folder(self.data_dir)
        yield from self._recordings()
        yield from self._runs()
        yield from self._statistics()

    def _recordings(self) -> Iterator[Finding]:
        root = self.data_dir / "recordings"
        recordings = Recordings(self.store, root, self.most_attempts, self.thorough)
        lacking, known = self.store.lacking_texts(), set[str]()
        for view in self.store.recordings():
            if self.stopped():
                raise Stopped("stopped", "not everything was looked at")
            folder = recordings.folder_of(view).path
            if folder.parent.name not in known:
                yield from mode_of(folder.parent, f"recordings/{folder.parent.name}")
            known |= {folder.parent.name, f"{folder.parent.name}/{folder.name}"}
            yield from folders.of_recording(folder, view)
            yield from recordings.findings(view, lacks_texts=view.id in lacking)
        yield from folders.unknown_folders(root, frozenset(known))

    def _runs(self) -> Iterator[Finding]:
        for run in self.store.open_runs():
            message = f"`meeting {run.command}` of {run.started_at:%Y-%m-%d %H:%M} UTC was killed"
            mend = partial(self.store.close_run, run.id, KILLED)
            where, action = f"run {run.id}", "close its row"
            yield Finding(Kind.RUN_OPEN, where, Verdict.REPAIR, message, action, mend)

    def _statistics(self) -> Iterator[Finding]:
        if count := len(self.stats.differences()):
            message = f"the numbers of {count} students are not those of the rows"
            where, mend = "student_stats", self.stats.rebuild
            yield Finding(Kind.STATISTICS, where, Verdict.REPAIR, message, "recompute all", mend)


def mended(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The same, each mended as soon as it is found; what cannot be is left to the operator."""
    for finding in findings:
        if finding.verdict is not Verdict.REPAIR:
            yield finding
            continue
        try:
            finding.mend()
        except (OSError, MeetingError) as trouble:
            said = trouble.strerror if isinstance(trouble, OSError) else str(trouble)
            message, action = f"{finding.message}; not mended: {said}", "see why, then repair again"
            yield replace(finding, verdict=Verdict.NEEDS_YOU, message=message, action=action)
        else:
            yield replace(finding, is_mended=True)
