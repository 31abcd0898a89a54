"""The search of rows and texts for damage, and the repair of findings."""

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
    """The search of all recordings and runs, under the run lock.

    Attributes:
        store: The rows.
        folder: The folder with a folder for each recording.
        thorough: Whether files are read and hashed; otherwise only their size is compared.
        stopped: Asked between recordings whether to end early.
    """

    store: RepairStore
    folder: Path
    thorough: bool
    stopped: Callable[[], bool]

    def findings(self) -> Iterator[Finding]:
        """Find lost texts, interrupted removals and runs that were killed.

        Raises:
            Stopped: `stopped` returned True.
            MeetingError: The database cannot be read.
        """
        recordings = Recordings(self.store, self.folder, self.thorough)
        lacking = self.store.lacking_texts()
        for view in self.store.recordings():
            if self.stopped():
                raise Stopped("stopped", "not everything was searched")
            yield from recordings.findings(view, lacks_texts=view.id in lacking)
        for run in self.store.open_runs():
            message = f"`meeting {run.command}` of {run.started_at:%Y-%m-%d %H:%M} UTC was killed"
            repair = partial(self.store.close_run, run.id, _KILLED)
            yield Finding(Kind.RUN_OPEN, f"run {run.id}", message, "close its row", repair)


def repaired(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Repair each finding as soon as it is found, and yield it with the result.

    A repair that fails is left to the operator.

    Args:
        findings: The findings, found lazily.
    """
    for finding in findings:
        if finding.repair is None:
            yield finding
            continue
        try:
            finding.repair()
        except (OSError, MeetingError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            message = f"{finding.message}; not repaired: {reason}"
            yield replace(
                finding, message=message, action="fix the cause, then repair again", repair=None
            )
        else:
            yield replace(finding, is_repaired=True)
