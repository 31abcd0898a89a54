"""The versions of a recording's summary, and a phase that is set by hand."""

import getpass

from meeting_pipeline.actions.find import find, no_such_recording
from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.minutes_markdown import render_markdown
from meeting_pipeline.domain.model import Minutes, RecordMeta
from meeting_pipeline.domain.stages import Artifact, StageName
from meeting_pipeline.domain.summary_versions import SummariesOfRecording
from meeting_pipeline.errors import UsageError
from meeting_pipeline.ports.summaries import SummaryStore
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.storage.files import RecordFolder
from meeting_pipeline.wiring import stores


def summaries(settings: Settings, reference: str) -> SummariesOfRecording:
    """Return the versions of a recording's summary.

    Args:
        settings: The installation.
        reference: Number or record id, as `find` reads it.

    Raises:
        UsageError: ("no_such_recording") when there is none.
        RecordError: ("ambiguous_id") when several sources have this record id.
    """
    number = find(settings, reference).recording.id
    with stores.stored(settings) as rows:
        return _of(rows.summaries, number)


def use_version(settings: Settings, reference: str, version: int) -> SummariesOfRecording:
    """Make a version the current one, in rows and on the page `summary.md`.

    Args:
        settings: The installation.
        reference: Number or record id, as `find` reads it.
        version: The number of the version.

    Raises:
        UsageError: ("no_such_recording" or "no_such_version").
        Busy: A run is at work.
    """
    number = find(settings, reference).recording.id
    with stores.locked_database(settings, "summaries") as rows:
        if not rows.summaries.choose(number, version):
            known = ", ".join(str(one.version) for one in rows.summaries.versions(number)) or "–"
            raise UsageError(
                "no_such_version",
                f"录制 recording {number} 没有版本 has no version {version}",
                hint=f"可用的版本 versions: {known}",
            )
        rows.stats.refresh()
        stage = rows.recordings.ledger(number).get(StageName.STORE)
        stored = rows.repair.minutes(number)
        if stage and stage.artifact and stored:  # a run has written the page
            page = _write_page(settings, stage.artifact.name, *stored)
            rows.repair.replace_artifact(number, StageName.STORE, page)
        return _of(rows.summaries, number)


def set_phase(settings: Settings, reference: str, phase: Phase | None) -> SummariesOfRecording:
    """Set the phase of a recording by hand; later summaries do not change it.

    Args:
        settings: The installation.
        reference: Number or record id, as `find` reads it.
        phase: The phase, or None to give it back to the current version.

    Raises:
        UsageError: ("no_such_recording") when there is none.
    """
    number = find(settings, reference).recording.id
    with stores.stored(settings) as rows:
        rows.summaries.set_phase(number, phase, _user())
        rows.stats.refresh()
        return _of(rows.summaries, number)


def _of(summaries: SummaryStore, number: int) -> SummariesOfRecording:
    current = summaries.current(number)
    if current is None:
        raise no_such_recording(str(number))
    return SummariesOfRecording(number, current, summaries.versions(number))


def _write_page(settings: Settings, name: str, meta: RecordMeta, minutes: Minutes) -> Artifact:
    folder = RecordFolder(stores.recordings_folder(settings), meta.key)
    return folder.write(name, render_markdown(meta, minutes.transcript, minutes.summary).encode())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        return "operator"
