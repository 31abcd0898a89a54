"""What lies in the data folder: ours, a leftover of ours, or not ours.

Only regular files of our own names are ever removed or changed, and only while no run is at work.
Links are not followed, but for `recordings` itself, which may lie on another disk.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from meeting_pipeline.domain.damage import Finding, Kind, Verdict, left_alone
from meeting_pipeline.domain.levels import FILE_NAME
from meeting_pipeline.domain.stages import StageName, StageStatus
from meeting_pipeline.domain.views import RecordingView
from meeting_pipeline.storage.files import remove_durably
from meeting_pipeline.upkeep.repair.modes import mode_of

_HASH = r"[0-9a-f]{64}"
_OURS = re.compile(
    r"meeting\.db(-wal|-shm|-journal)?|run\.lock|folder-index\.json"
    r"|logs/(record_worker|cron_incremental)\.log(\.\d+)?|rates/[\w.-]+\.jsonl?"
    rf"|backups/meeting-[\d-]+\.db|erasing/{_HASH}\.json"
)
_OUR_FOLDERS = ("logs", "rates", "recordings", "backups", "erasing", "transcripts")
_PASSING = re.compile(
    r"rates/[\w.-]+\.jsonl?\.(part|lock)|backups/meeting-[\d-]+\.db\.part(-journal)?"
)
"""Other commands write these beside a run, and take or replace what was left."""
_LEFTOVER = re.compile(
    rf"folder-index\.json\.part|erasing/{_HASH}\.json\.part|transcripts/\d+\.txt(\.json)?"
    r"|logs/(record_worker|cron_incremental)\.log(\.\d+)?\.part"
)
_OTHERS = ("demo",)  # an installation of its own, which `meeting demo` makes anew

_FINAL = r"(?:(?:recording|audio)\.\w+|transcript\.json|summary\.(?:json|md))"
_PART = re.compile(
    rf"{_FINAL}\.part|recording\.\w+\.part\.(json|aria2(__temp)?)|calls/{_HASH}\.json\.part"
)
_ANSWER = re.compile(rf"calls/{_HASH}\.json")


@dataclass(frozen=True)
class Place:
    """Something in a folder. name: its path below the folder that is looked through."""

    path: Path
    name: str
    is_folder: bool
    is_link: bool

    @property
    def is_file(self) -> bool:
        """A regular file, in all likelihood."""
        return not (self.is_folder or self.is_link)


def of_data_folder(data_dir: Path) -> Iterator[Finding]:
    """All but the folders of recordings."""
    for place in _places(data_dir):
        if place.name in _OTHERS or (place.is_link and place.name in _OUR_FOLDERS):
            continue
        yield from _of_installation(place)
        if place.is_folder and place.name in _OUR_FOLDERS and place.name != "recordings":
            for inner in _places(place.path, f"{place.name}/"):
                yield from _of_installation(inner)


def unknown_folders(recordings: Path, known: frozenset[str]) -> Iterator[Finding]:
    """What no row knows of below `recordings`. known: SOURCE and SOURCE/FOLDER of every row."""
    for source in _places(recordings):
        where = f"recordings/{source.name}"
        if not source.is_folder or source.name not in known:
            yield left_alone(where, "no recording in the rows belongs to it")
            continue
        for folder in _places(source.path, f"{source.name}/"):
            if folder.name not in known:
                message = "no recording in the rows belongs to it"
                yield left_alone(f"recordings/{folder.name}", message)


def is_behind_link(folder: Path) -> bool:
    """Whether a recording's folder, or its source's, is a link; False where nobody can look."""
    try:
        return folder.is_symlink() or folder.parent.is_symlink()
    except OSError:
        return False


def of_recording(folder: Path, view: RecordingView) -> Iterator[Finding]:
    """What is in the folder of one recording."""
    where = f"recordings/{folder.parent.name}/{folder.name}"
    if is_behind_link(folder):
        yield left_alone(where, "a link stands where its folder should be")
        return
    yield from mode_of(folder, where)
    for place in _places(folder):
        yield from _in_recording(place, view, where)
        if place.is_folder and place.name == "calls":
            for answer in _places(place.path, "calls/"):
                yield from _in_recording(answer, view, where)


def _of_installation(place: Place) -> Iterator[Finding]:
    is_ours = _OURS.fullmatch(place.name) and place.is_file
    if is_ours or (place.is_folder and place.name in _OUR_FOLDERS):
        yield from mode_of(place.path, place.name)
    elif _LEFTOVER.fullmatch(place.name) and place.is_file:
        yield _leftover(place.path, place.name)
    elif not (_PASSING.fullmatch(place.name) and place.is_file):
        yield left_alone(place.name, "is not one of ours")


def _in_recording(place: Place, view: RecordingView, folder: str) -> Iterator[Finding]:
    where = f"{folder}/{place.name}"
    is_part = place.is_file and bool(_PART.fullmatch(place.name))
    if is_part and not _goes_on(view, place.name):
        yield _leftover(place.path, where)
    elif is_part or _is_ours(place, view):
        yield from mode_of(place.path, where)
    elif place.is_file and re.fullmatch(_FINAL, place.name):
        message = "the ledger does not know it; its stage replaces it when it makes it"
        yield left_alone(where, message, Kind.NOT_IN_LEDGER)
    else:
        yield left_alone(where, "is a link" if place.is_link else "is not one of ours")


def _is_ours(place: Place, view: RecordingView) -> bool:
    if place.is_folder:
        return place.name == "calls"
    made = {entry.artifact.name for entry in view.stages.values() if entry.artifact}
    beside = place.name == FILE_NAME or _ANSWER.fullmatch(place.name)
    return place.is_file and (place.name in made or bool(beside))


def _goes_on(view: RecordingView, name: str) -> bool:
    """Whether the next attempt goes on with what this one has left: only a download does."""
    download = view.stages.get(StageName.DOWNLOAD)
    is_done = download is not None and download.status is StageStatus.DONE
    return name.startswith("recording.") and not is_done


def _leftover(path: Path, where: str) -> Finding:
    return Finding(
        Kind.LEFTOVER,
        where,
        Verdict.REPAIR,
        "was left half-written by a process that was killed",
        "remove it",
        partial(remove_durably, path),
    )


def _places(folder: Path, prefix: str = "") -> Iterator[Place]:
    """What is in a folder, by name; nothing where it is none or cannot be read."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        is_folder = entry.is_dir(follow_symlinks=False)
        name = f"{prefix}{entry.name}"
        yield Place(Path(entry.path), name, is_folder, entry.is_symlink())
