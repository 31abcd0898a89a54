"""Files that are whole or not there: written beside, synced, renamed; trusted by size and hash.

One folder per record, named from its key alone. A title never becomes part of a path.
"""

import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import BinaryIO

from meeting_pipeline.domain.levels import FILE_NAME
from meeting_pipeline.domain.model import RecordKey
from meeting_pipeline.domain.stages import Artifact
from meeting_pipeline.errors import ConfigError, FatalError, RecordError

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_BLOCK_BYTES = 1 << 18  # more would not stay in the processor's cache
_SYNC_EVERY_S = 0.2
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BROKEN = (errno.EROFS, errno.EIO)
_REFUSED = (errno.EACCES, errno.EPERM)


class RecordFolder:
    """The folder of one recording below `root`, made on first use, readable by its owner only."""

    def __init__(self, root: Path, key: RecordKey) -> None:
        self.path = root / _safe(key.source) / _safe(key.record_id)

    def file(self, name: str) -> Path:
        """Where a finished file of this name is."""
        return self.path / name

    def part(self, name: str) -> Path:
        """Where a file of this name grows until it is published; its folder exists."""
        make_folder(self.path)
        return self.path / f"{name}.part"

    def publish(self, name: str, duration_s: float | None = None) -> Artifact:
        """Give the grown part its name, durably, and say what it is.

        duration_s: seconds of sound in it, where that is known.
        """
        part, final = self.part(name), self.file(name)
        sync(part)
        artifact = Artifact(name, part.stat().st_size, sha256_of(part), duration_s)
        part.rename(final)
        sync(self.path)
        return artifact

    def write(self, name: str, data: bytes) -> Artifact:
        """Write a small file durably under its name."""
        part = self.part(name)
        with create(part) as stream:
            stream.write(data)
        return self.publish(name)

    def holds(self, artifact: Artifact) -> bool:
        """Whether the file is still here, byte for byte what the ledger remembers."""
        path = self.file(artifact.name)
        return (
            path.is_file()
            and path.stat().st_size == artifact.size_bytes
            and sha256_of(path) == artifact.sha256
        )

    def remove(self, name: str) -> None:
        """Remove a file and what has grown beside it; removing what is gone is fine."""
        for path in (self.file(name), *self.path.glob(f"{name}.part*")):
            path.unlink(missing_ok=True)

    def discard(self, stem: str, name: str | None) -> None:
        """Remove for good what was published as `name` and what has grown of `stem`.

        stem: how the stage's names begin ("recording"). Nothing else is touched, here or, whatever
        `name` says, elsewhere; the folder goes, too, when nothing is left in it. Removing what is
        gone is fine.
        """
        is_ours = name is not None and name.startswith(f"{stem}.") and Path(name).name == name
        beside = [self.file(FILE_NAME)] if FILE_NAME.startswith(f"{stem}.") else []
        published = [self.file(name), *beside] if name and is_ours else beside
        for path in (*self.path.glob(f"{stem}.*.part*"), *published):
            path.unlink(missing_ok=True)
        if self.path.is_dir():
            sync(self.path)
            with suppress(OSError):  # something else is in it
                self.path.rmdir()


def private_folder(path: Path) -> None:
    """Make a folder for its owner only; one that everybody may write to is refused.

    Raises ConfigError("data_dir") where it cannot be made, ("data_dir_open").
    """
    try:
        make_folder(path)
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        is_open = path.stat().st_mode & stat.S_IWOTH
    except OSError as error:
        raise ConfigError(
            "data_dir",
            f"DATA_DIR {path} cannot be used: {error.strerror}",
            hint="give it to this user, or set DATA_DIR to another folder",
        ) from error
    if is_open:
        raise ConfigError(
            "data_dir_open",
            f"everybody on this machine may write to DATA_DIR {path}",
            hint=f"chmod 700 {path}, or set DATA_DIR to another folder",
        )


def make_folder(path: Path) -> None:
    """Make a folder, for its owner only, and those above it that are missing; all durably.

    A file that is synced in a folder whose own name is not would be lost with that name.
    """
    if path.exists():
        return
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
        sync(folder.parent)


@contextmanager
def create(path: Path) -> Iterator[BinaryIO]:
    """A new file for its owner only; what stood there (a link planted there too) is replaced.

    Of one that the disk does not take nothing is left: others need the room.
    """
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(path, flags, 0o600), "wb") as stream:
            yield stream
    except OSError:
        path.unlink(missing_ok=True)
        raise


class SyncedNowAndThen:
    """A file that grows for a while: the disk gets what has come while the rest still comes.

    Else all of it would be written when it is synced at its end, and whoever wants to sync
    anything meanwhile, a commit for one, would wait for it. clock: seconds.
    """

    def __init__(self, stream: BinaryIO, clock: Callable[[], float] = monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._synced_at = clock()

    def write(self, block: bytes) -> None:
        """The next bytes."""
        self._stream.write(block)
        if self._clock() >= self._synced_at + _SYNC_EVERY_S:
            self._stream.flush()
            os.fdatasync(self._stream.fileno())
            self._synced_at = self._clock()


def is_full(error: OSError) -> bool:
    """Whether the disk, or our share of it, has no room left."""
    return error.errno in _FULL


def disk_full(message: str) -> FatalError:
    """The error for a disk without room."""
    return FatalError("disk_full", message, hint="free some space and run again")


@contextmanager
def disk_trouble(root: Path) -> Iterator[None]:
    """What the operating system says while one record's files below `root` are worked on, as ours.

    Raises FatalError("disk_full"), ("disk_unusable") where no record could be written,
    RecordError("folder_refused") where it is this one's folder; other errors are left as they are.
    """
    try:
        yield
    except OSError as error:
        name = Path(str(error.filename)).name if error.filename else "a file"
        if is_full(error):
            raise disk_full(f"no space left to write {name} below {root}") from error
        what = f"{name} cannot be written or read: {error.strerror}"
        if error.errno in _REFUSED and os.access(root, os.W_OK | os.X_OK):
            raise RecordError("folder_refused", what) from error
        if error.errno in _REFUSED + _BROKEN:
            hint = f"see that {root} is there, mounted for writing, and belongs to this user"
            raise FatalError("disk_unusable", what, hint=hint) from error
        raise


def write_durably(path: Path, data: bytes) -> None:
    """Replace `path` with `data`; after a crash it holds the old content or the new, no mix."""
    part = path.with_name(f"{path.name}.part")
    with create(part) as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    part.rename(path)
    sync(path.parent)


def publish(part: Path, final: Path) -> None:
    """Give a file that has grown its name, durably."""
    sync(part)
    part.rename(final)
    sync(final.parent)


def remove_durably(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, for good; what is gone is fine.

    A link is removed, not what it leads to.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if path.parent.is_dir():
        sync(path.parent)


def sha256_of(path: Path) -> str:
    """The hex digest of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _safe(name: str) -> str:
    if _SAFE_NAME.fullmatch(name):
        return name
    return hashlib.sha256(name.encode()).hexdigest()


def sync(path: Path) -> None:
    """What was written to this file, or which names are in this folder, survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
