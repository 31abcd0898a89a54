"""The index of a folder: what is known about its files, so that no file is read twice."""

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import AwareDatetime, TypeAdapter

from meeting_pipeline.adapters.sources.folder_files import MediaFile
from meeting_pipeline.errors import FatalError
from meeting_pipeline.storage.files import write_durably

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KnownFile:
    """What is known about a file, valid while it has this size and modification time.

    Attributes:
        size_bytes: Its size.
        mtime_ns: Its modification time.
        sha256: Its hex digest, or None if it was not needed yet.
        probed: Whether the container was inspected for the next three.
        duration_s: The duration by the container in seconds, or None.
        created_at: The creation time by the container, or None.
        has_audio: False if the container has no audio track.
        is_second: Whether it was not listed itself, but another file of its meeting.
        compared: Whether the sound is that of other files, by their sizes and modification times.
        first_seen_at: When the file was first listed, stored only if its modification time cannot
            be right.
    """

    size_bytes: int
    mtime_ns: int
    sha256: str | None = None
    probed: bool = False
    duration_s: float | None = None
    created_at: AwareDatetime | None = None
    first_seen_at: AwareDatetime | None = None
    has_audio: bool = True
    is_second: bool = False
    compared: Mapping[str, bool] = field(default_factory=dict)


_KNOWN = TypeAdapter(KnownFile)


class FolderIndex:
    """What is known about files, by name, in a JSON file that is rebuilt when it is lost."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saved = _load(path)
        self._known = dict(self._saved)

    @property
    def is_empty(self) -> bool:
        """Return whether no file is known."""
        return not self._known

    def of(self, file: MediaFile) -> KnownFile:
        """Return what is known about a file with its present size and time."""
        known = self._known.get(file.name)
        if known and (known.size_bytes, known.mtime_ns) == (file.size_bytes, file.mtime_ns):
            return known
        return KnownFile(file.size_bytes, file.mtime_ns)

    def learn(self, file: MediaFile, known: KnownFile) -> None:
        """Store what is known about a file with its present size and time."""
        self._known[file.name] = known

    def keep_only(self, files: Collection[MediaFile]) -> None:
        """Remove all files from the index except these."""
        names = {file.name for file in files}
        self._known = {name: known for name, known in self._known.items() if name in names}

    def save(self) -> None:
        """Write the index to disk if it has changed, and its folder is there.

        Every run has made the folder; a plan makes none.

        Raises:
            FatalError: It cannot be written ("index_not_written").
        """
        if self._known == self._saved or not self._path.parent.is_dir():
            return
        content = {name: _KNOWN.dump_python(known, mode="json") for name, known in self._sorted()}
        try:
            write_durably(self._path, json.dumps(content, indent=1).encode())
        except OSError as error:
            raise FatalError(
                "index_not_written",
                f"cannot write {self._path}: {error.strerror}",
                hint="free some space there, or correct the permissions of the data directory",
            ) from error
        self._saved = dict(self._known)

    def _sorted(self) -> list[tuple[str, KnownFile]]:
        return sorted(self._known.items(), key=lambda item: item[0])


def _load(path: Path) -> dict[str, KnownFile]:
    try:
        content = json.loads(path.read_bytes())
        return {name: _KNOWN.validate_python(known) for name, known in content.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        _log.warning("%s cannot be used; rebuilding it (%s)", path, type(error).__name__)
        return {}
