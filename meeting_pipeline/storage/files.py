"""Durable files: a file is complete or does not exist, at whatever instant the process is killed.

A file is written under another name, synced and renamed, and it is trusted by its size and hash.
Each recording has a folder, which is named after its key alone: a title never becomes part of a
path.
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

from meeting_pipeline.domain import audio_warnings, levels
from meeting_pipeline.domain.model import RecordKey
from meeting_pipeline.domain.stages import Artifact
from meeting_pipeline.errors import ConfigError, FatalError, RecordError

_BESIDE = (levels.FILE_NAME, audio_warnings.FILE_NAME)  # files that go with the audio
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_BLOCK_BYTES = 1 << 18  # a larger block does not fit into the processor's cache
_SYNC_EVERY_S = 0.2
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BROKEN = (errno.EROFS, errno.EIO)
_REFUSED = (errno.EACCES, errno.EPERM)


class RecordFolder:
    """The folder of one recording, created on first use and readable by its owner only."""

    def __init__(self, root: Path, key: RecordKey) -> None:
        self.path = root / _safe(key.source) / _safe(key.record_id)

    def file(self, name: str) -> Path:
        """Return the path of a finished file."""
        return self.path / name

    def part(self, name: str) -> Path:
        """Return the path of a file until it is published, and create the folder."""
        make_folder(self.path)
        return self.path / f"{name}.part"

    def publish(self, name: str, duration_s: float | None = None) -> Artifact:
        """Give a part file its final name durably, and return what it holds.

        Args:
            name: The final name.
            duration_s: The length of the audio in it in seconds, if known.
        """
        part, final = self.part(name), self.file(name)
        sync(part)
        artifact = Artifact(name, part.stat().st_size, sha256_of(part), duration_s)
        part.rename(final)
        sync(self.path)
        return artifact

    def write(self, name: str, data: bytes) -> Artifact:
        """Write a small file durably."""
        part = self.part(name)
        with create(part) as stream:
            stream.write(data)
        return self.publish(name)

    def holds(self, artifact: Artifact) -> bool:
        """Return whether the file exists with the size and hash that the ledger holds."""
        path = self.file(artifact.name)
        return (
            path.is_file()
            and path.stat().st_size == artifact.size_bytes
            and sha256_of(path) == artifact.sha256
        )

    def remove(self, name: str) -> None:
        """Remove a file and its part files, if they exist."""
        for path in (self.file(name), *self.path.glob(f"{name}.part*")):
            path.unlink(missing_ok=True)

    def discard(self, stem: str, name: str | None) -> None:
        """Remove a published file and the part files of its stage durably, if they exist.

        No other file is touched, even if `name` is a path that leads elsewhere. The folder is
        removed, too, if it is empty afterwards.

        Args:
            stem: The stem of the stage's file names ("recording").
            name: The name of the published file, or None.
        """
        is_ours = name is not None and name.startswith(f"{stem}.") and Path(name).name == name
        beside = [self.file(one) for one in _BESIDE if one.startswith(f"{stem}.")]
        published = [self.file(name), *beside] if name and is_ours else beside
        for path in (*self.path.glob(f"{stem}.*.part*"), *published):
            path.unlink(missing_ok=True)
        if self.path.is_dir():
            sync(self.path)
            with suppress(OSError):  # it holds other files
                self.path.rmdir()


def private_folder(path: Path) -> None:
    """Create a folder for its owner only, and refuse one that every user may write to.

    Args:
        path: The folder.

    Raises:
        ConfigError: It cannot be created ("data_dir"), or every user may write to it
            ("data_dir_open").
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
            f"every user of this machine may write to DATA_DIR {path}",
            hint=f"run chmod 700 {path}, or set DATA_DIR to another folder",
        )


def make_folder(path: Path) -> None:
    """Create a folder and its missing parents durably, for their owner only.

    Each parent is synced: a synced file is lost in a crash if the name of its folder is not synced.
    """
    if path.exists():
        return
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
        sync(folder.parent)


@contextmanager
def create(path: Path) -> Iterator[BinaryIO]:
    """Open a new file for its owner only, in place of an existing file or symbolic link.

    If the disk is full, the file is removed: other files need the space.
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
    """Writes a large file and syncs it at intervals.

    If it were synced only at its end, the disk would write all of it then, and every other sync,
    such as that of a commit, would wait for it.
    """

    def __init__(self, stream: BinaryIO, clock: Callable[[], float] = monotonic) -> None:
        """Create the writer.

        Args:
            stream: The open file.
            clock: Returns seconds.
        """
        self._stream, self._clock = stream, clock
        self._synced_at = clock()

    def write(self, block: bytes) -> None:
        """Write the next bytes, and sync the file if an interval has passed."""
        self._stream.write(block)
        if self._clock() >= self._synced_at + _SYNC_EVERY_S:
            self._stream.flush()
            os.fdatasync(self._stream.fileno())
            self._synced_at = self._clock()


def is_full(error: OSError) -> bool:
    """Return whether the disk, or our quota on it, is full."""
    return error.errno in _FULL


def disk_full(message: str) -> FatalError:
    """Return the error for a full disk."""
    return FatalError("disk_full", message, hint="free some space and run again")


@contextmanager
def disk_trouble(root: Path) -> Iterator[None]:
    """Translate the OSErrors of a block that works on the files of one record.

    Args:
        root: The folder that holds the folders of all recordings.

    Raises:
        FatalError: The disk is full ("disk_full") or unusable for every record ("disk_unusable").
        RecordError: Only the folder of this record is not accessible ("folder_refused").
        OSError: The error has another cause; it is not changed.
    """
    try:
        yield
    except OSError as error:
        name = Path(str(error.filename)).name if error.filename else "a file"
        if is_full(error):
            raise disk_full(f"no space left to write {name} below {root}") from error
        what = f"cannot read or write {name}: {error.strerror}"
        if error.errno in _REFUSED and os.access(root, os.W_OK | os.X_OK):
            raise RecordError("folder_refused", what) from error
        if error.errno in _REFUSED + _BROKEN:
            hint = f"check that {root} exists, is mounted for writing, and belongs to this user"
            raise FatalError("disk_unusable", what, hint=hint) from error
        raise


def write_durably(path: Path, data: bytes) -> None:
    """Replace the content of a file; after a crash it holds either the old content or the new."""
    part = path.with_name(f"{path.name}.part")
    with create(part) as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    part.rename(path)
    sync(path.parent)


def publish(part: Path, final: Path) -> None:
    """Give a part file its final name durably."""
    sync(part)
    part.rename(final)
    sync(final.parent)


def remove_durably(path: Path) -> None:
    """Remove a file, or a folder with its content, durably if it exists.

    Of a symbolic link, the link is removed and not its target.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if path.parent.is_dir():
        sync(path.parent)


def sha256_of(path: Path) -> str:
    """Return the hex digest of a file, which is read in blocks."""
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
    """Sync a file, or the names in a folder, so that they survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
