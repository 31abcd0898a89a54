"""A file that grows over several attempts, and what it was begun with.

    recording.m4a.part          the bytes so far
    recording.m4a.part.json     which object they are of, who wrote them, which ones are known not
                                to be there; no link
    recording.m4a.part.aria2    which pieces are there (aria2's own, while it is at work)

A part is gone on with only when all of them agree; anything else is deleted, never trusted. So is
one from before the machine started anew: it is not synced, and a power cut may have taken what it
likes out of its middle.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from meeting_pipeline.storage.files import create

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@cache
def boot() -> str:
    """What tells this start of the machine from all others; "" where nothing does."""
    return _BOOT.read_text("ascii").strip() if _BOOT.exists() else ""


Span = tuple[int, int]
"""Bytes from the first number on, up to the second one."""


@dataclass(frozen=True)
class RemoteFile:
    """What tells one object from another. total_bytes, etag, last_modified: None where unsaid."""

    total_bytes: int | None
    etag: str | None = None
    last_modified: str | None = None

    @property
    def validator(self) -> str | None:
        """What If-Range takes: a strong entity tag, else the date."""
        if self.etag is not None:
            return None if self.etag.startswith("W/") else self.etag
        return self.last_modified

    @property
    def is_sure(self) -> bool:
        """Whether a part of it can be told from a part of any other object."""
        return None not in (self.total_bytes, self.validator)

    def is_surely(self, other: "RemoteFile") -> bool:
        """Whether both are the same bytes; without a validator nobody can know."""
        same = (self.total_bytes, self.validator) == (other.total_bytes, other.validator)
        return self.is_sure and same


class Unusable(Exception):
    """A part that cannot be gone on with."""


@dataclass(frozen=True)
class _Memory:
    """missing: spans of bytes, first and end, that did not come; none where nobody knows."""

    writer: str
    complete: bool
    remote: RemoteFile
    missing: Sequence[Span] = ()


class PartFile:
    """The part at `path`, as one writer ("http", "aria2") sees it.

    Nobody goes on with what aria2 leaves but aria2: it may have holes.
    """

    def __init__(self, path: Path, writer: str) -> None:
        self.path = path
        self._writer = writer
        self._memory = path.with_name(f"{path.name}.json")
        self._control = path.with_name(f"{path.name}.aria2")

    @property
    def size_bytes(self) -> int:
        """How long it is now; 0 when it is not there."""
        return self.path.lstat().st_size if self.path.is_file() else 0

    @property
    def is_in_pieces(self) -> bool:
        """Whether aria2 has begun and not ended."""
        return self._control.exists()

    def begun_with(self) -> RemoteFile | None:
        """The object that the part is of; None, and nothing left of it, where that is not sure."""
        memory = self._recall()
        if memory is None or not self._is_trusted(memory):
            self.discard()
            return None
        return memory.remote

    def is_ours(self) -> bool:
        """Whether this writer has begun; what is here may still be of no use."""
        memory = self._recall()
        return memory is not None and memory.writer == self._writer

    def takes_over(self, remote: RemoteFile, writer: str) -> bool:
        """Make what another writer left our own: its bytes from the first one on, without a hole.

        False, and nothing done, where there is none of that object.
        """
        memory = self._recall()
        if memory is None or memory.writer != writer or self.is_in_pieces:
            return False
        if self.path.is_symlink() or not self.path.is_file() or not memory.remote.is_surely(remote):
            return False
        self._remember(_Memory(self._writer, complete=False, remote=remote))
        return True

    def is_complete(self) -> bool:
        """Whether `complete` was called for what is here."""
        memory = self._recall()
        return memory is not None and memory.complete

    def missing(self) -> Sequence[Span]:
        """What `leave` was told is not here; nothing where it was not called."""
        memory = self._recall()
        return memory.missing if memory else ()

    def begin(self, remote: RemoteFile) -> None:
        """Start over with this object."""
        self.discard()
        self._remember(_Memory(self._writer, complete=False, remote=remote))

    def complete(self, remote: RemoteFile) -> None:
        """Remember that every byte is here."""
        self._remember(_Memory(self._writer, complete=True, remote=remote))

    def leave(self, remote: RemoteFile, missing: Sequence[Span]) -> None:
        """Remember what is not here: everything else is."""
        self._remember(_Memory(self._writer, complete=False, remote=remote, missing=missing))

    def forget(self) -> None:
        """Leave the bytes alone: they are handed over."""
        self._memory.unlink(missing_ok=True)
        self._control.unlink(missing_ok=True)
        self._control.with_name(f"{self._control.name}__temp").unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove everything."""
        self.path.unlink(missing_ok=True)
        self.forget()

    def _is_trusted(self, memory: _Memory) -> bool:
        if self.path.is_symlink() or not self.path.is_file() or memory.writer != self._writer:
            return False
        if not memory.remote.is_sure:
            return False
        if self._writer == "aria2":  # exactly one of them says what is here
            return [self.is_in_pieces, memory.complete, bool(memory.missing)].count(True) == 1
        return not self.is_in_pieces

    def _recall(self) -> _Memory | None:
        try:
            said = json.loads(self._memory.read_bytes())
            if said["boot"] != boot():
                return None
            remote = RemoteFile(**said["remote"])
            missing = [(first, end) for first, end in said.get("missing", ())]
            return _Memory(said["writer"], said["complete"], remote, missing)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _remember(self, memory: _Memory) -> None:
        with create(self._memory) as stream:
            stream.write(json.dumps({**asdict(memory), "boot": boot()}).encode())
