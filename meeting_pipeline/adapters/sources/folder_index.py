"""What was found out about the files of a folder, so that no file is read twice for it."""

import json
import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pydantic import AwareDatetime, TypeAdapter

from meeting_pipeline.adapters.sources.folder_files import MediaFile
from meeting_pipeline.errors import FatalError
from meeting_pipeline.storage.files import write_durably

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KnownFile:
    """True of a file as long as it has this size and time.

    sha256: hex, or None while nobody has needed it. probed: whether the next two were looked for.
    duration_s, created_at: what the container says. first_seen_at: when the file was listed first,
    remembered where its time cannot be right.
    """

    size_bytes: int
    mtime_ns: int
    sha256: str | None = None
    probed: bool = False
    duration_s: float | None = None
    created_at: AwareDatetime | None = None
    first_seen_at: AwareDatetime | None = None


_KNOWN = TypeAdapter(KnownFile)


class FolderIndex:
    """What is known of the files by name, kept in one JSON file that may be lost at any time: it is rebuilt."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saved = _load(path)
        self._known = dict(self._saved)

    def of(self, file: MediaFile) -> KnownFile:
        """What is known of the file as it stands now."""
        known = self._known.get(file.name)
        if known and (known.size_bytes, known.mtime_ns) == (file.size_bytes, file.mtime_ns):
            return known
        return KnownFile(file.size_bytes, file.mtime_ns)

    def learn(self, file: MediaFile, known: KnownFile) -> None:
        """Remember what is known of the file as it stands now."""
        self._known[file.name] = known

    def keep_only(self, files: Collection[MediaFile]) -> None:
        """Forget the files that are not among these."""
        names = {file.name for file in files}
        self._known = {name: known for name, known in self._known.items() if name in names}

    def save(self) -> None:
        """Write the index if it has changed; raises FatalError("index_not_written")."""
        if self._known == self._saved:
            return
        content = {name: _KNOWN.dump_python(known, mode="json") for name, known in self._sorted()}
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(self._path, json.dumps(content, indent=1).encode())
        except OSError as error:
            raise FatalError(
                "index_not_written",
                f"cannot write {self._path}: {error.strerror}",
                hint="free some space there, or mend the permissions of the data directory",
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
        _log.warning("%s cannot be used and is made anew (%s)", path, type(error).__name__)
        return {}
