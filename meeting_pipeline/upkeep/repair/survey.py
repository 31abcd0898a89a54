"""Everything that is wrong with the rows and texts of an installation, and its repair."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from meeting_pipeline.domain.damage import Finding, Kind
from meeting_pipeline.errors import MeetingError, Stopped
from meeting_pipeline.ports.upkeep import RepairStore
from meeting_pipeline.upkeep.repair.recordings import Recordings

_KILLED = "killed"  # the stopped_by of a run


@dataclass(frozen=True)
class Survey:
    """Examines the recordings below `folder` and the runs while no run is at work.

    thorough: files are read, not only measured. stopped: asked between recordings.
    """

    store: RepairStore
    folder: Path
    thorough: bool
    stopped: Callable[[], bool]

    def findings(self) -> Iterator[Finding]:
        """Find what is wrong.

        Raises:
            Stopped: `stopped` says so.
            MeetingError: The database cannot be read.
        """
        recordings = Recordings(self.store, self.folder, self.thorough)
        lacking = self.store.lacking_texts()
        for view in self.store.recordings():
            if self.stopped():
                raise Stopped("stopped", "not everything was looked at")
            yield from recordings.findings(view, lacks_texts=view.id in lacking)
        for run in self.store.open_runs():
            message = f"`meeting {run.command}` of {run.started_at:%Y-%m-%d %H:%M} UTC was killed"
            repair = partial(self.store.close_run, run.id, _KILLED)
            yield Finding(Kind.RUN_OPEN, f"run {run.id}", message, "close its row", repair)


def repaired(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Repair each finding as soon as it comes, and yield it with the result.

    What cannot be repaired is left to the operator.
    """
    for finding in findings:
        if finding.repair is None:
            yield finding
            continue
        try:
            finding.repair()
        except (OSError, MeetingError) as trouble:
            said = trouble.strerror if isinstance(trouble, OSError) else str(trouble)
            message = f"{finding.message}; not repaired: {said}"
            yield replace(
                finding, message=message, action="see why, then repair again", repair=None
            )
        else:
            yield replace(finding, is_repaired=True)
