"""A part file that grows over several attempts, and the object whose bytes it holds.

    recording.m4a.part          the bytes so far
    recording.m4a.part.json     the object they belong to, and the writer of the part; no link
    recording.m4a.part.aria2    the pieces that are there (aria2's control file)

Each part belongs to one writer. It is resumed only where these files agree; otherwise it is
deleted. So is a part from before the machine was last started: it was never synced, and a power
failure may have left any hole in it.
"""

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from meeting_pipeline.storage.files import create

HTTP = "http"
"""The writer of parts that grow from the first byte on, without holes."""
ARIA2 = "aria2"
"""The writer of parts that have holes until they are complete."""

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@cache
def boot() -> str:
    """Return the id of the machine's current boot, or "" where the system has none."""
    return _BOOT.read_text("ascii").strip() if _BOOT.exists() else ""


@dataclass(frozen=True)
class RemoteFile:
    """The identity of an object on a media host.

    Attributes:
        total_bytes: Its size, or None where the host does not say.
        etag: Its entity tag, or None.
        last_modified: The date of its last change as the host writes it, or None.
    """

    total_bytes: int | None
    etag: str | None = None
    last_modified: str | None = None

    @property
    def validator(self) -> str | None:
        """The value for If-Range: a strong entity tag, otherwise the date."""
        if self.etag is not None:
            return None if self.etag.startswith("W/") else self.etag
        return self.last_modified

    @property
    def is_identifiable(self) -> bool:
        """Whether a part of this object can be told from a part of any other object."""
        return None not in (self.total_bytes, self.validator)

    def is_surely(self, other: "RemoteFile") -> bool:
        """Return whether both are proven to be the same bytes; without a validator they are not."""
        same = (self.total_bytes, self.validator) == (other.total_bytes, other.validator)
        return self.is_identifiable and same


@dataclass(frozen=True)
class _Record:
    """The content of the JSON file beside a part."""

    writer: str
    complete: bool
    remote: RemoteFile


class PartFile:
    """The part at a path, as one writer sees it.

    Args:
        path: The part.
        writer: `HTTP` or `ARIA2`; a part of another writer is never resumed.
    """

    def __init__(self, path: Path, writer: str) -> None:
        self.path = path
        self._writer = writer
        self._json = path.with_name(f"{path.name}.json")
        self._control = path.with_name(f"{path.name}.aria2")

    @property
    def size_bytes(self) -> int:
        """The current length of the part; 0 where there is none."""
        return self.path.lstat().st_size if self.path.is_file() else 0

    def is_ours(self) -> bool:
        """Return whether this writer began the part; it may still be unusable."""
        record = self._load()
        return record is not None and record.writer == self._writer

    def begun_with(self) -> RemoteFile | None:
        """Return the object of a part that can be resumed; delete the part otherwise."""
        record = self._load()
        if record is None or not self._is_trusted(record):
            self.discard()
            return None
        return record.remote

    def is_complete(self) -> bool:
        """Return whether `complete` was called for this part."""
        record = self._load()
        return record is not None and record.complete

    def begin(self, remote: RemoteFile) -> None:
        """Delete what is there and begin a part of `remote`."""
        self.discard()
        self._save(_Record(self._writer, complete=False, remote=remote))

    def complete(self, remote: RemoteFile) -> None:
        """Record that the part has every byte."""
        self._save(_Record(self._writer, complete=True, remote=remote))

    def forget(self) -> None:
        """Delete the files beside the part and keep its bytes."""
        self._json.unlink(missing_ok=True)
        self._control.unlink(missing_ok=True)
        self._control.with_name(f"{self._control.name}__temp").unlink(missing_ok=True)

    def discard(self) -> None:
        """Delete the part and the files beside it."""
        self.path.unlink(missing_ok=True)
        self.forget()

    def _is_trusted(self, record: _Record) -> bool:
        if self.path.is_symlink() or not self.path.is_file() or record.writer != self._writer:
            return False
        # without its control file, a part of aria2 looks complete and may have holes
        has_holes = self._writer == ARIA2 and not record.complete
        return record.remote.is_identifiable and self._control.exists() == has_holes

    def _load(self) -> _Record | None:
        try:
            stored = json.loads(self._json.read_bytes())
            if stored["boot"] != boot():
                return None
            return _Record(stored["writer"], stored["complete"], RemoteFile(**stored["remote"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _save(self, record: _Record) -> None:
        with create(self._json) as stream:
            stream.write(json.dumps({**asdict(record), "boot": boot()}).encode())
