"""The search for media files below a folder."""

import errno
import logging
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from meeting_pipeline.adapters.sources.folder_names import SidecarNames, is_housekeeping
from meeting_pipeline.adapters.sources.left_out import LeftOut, Reason

SUFFIXES = frozenset(
    {
        *("mp4", "m4v", "mov", "3gp", "mkv", "webm", "ts", "mts", "avi"),
        *("m4a", "mp3", "wav", "ogg", "oga", "opus", "flac", "aac", "amr", "wma"),
    }
)
_STILL_COMING = (
    *(".aria2", ".part", ".crdownload", ".download", ".downloading", ".filepart", ".partial"),
    *(".xltd", ".td"),
)
"""Suffixes of the files that downloaders keep beside an unfinished file."""

_SIDECARS = (".json", ".json.txt")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MediaFile:
    """A media file.

    Attributes:
        name: Its path below the folder, with "/".
        path: Its whole path.
        size_bytes: Its size.
        mtime_ns: Its modification time.
        is_coming: Whether a downloader is still writing it.
        sidecar: The JSON file beside it, or None.
    """

    name: str
    path: Path
    size_bytes: int
    mtime_ns: int
    is_coming: bool = False
    sidecar: Path | None = None

    @property
    def suffix(self) -> str:
        """Return the suffix of its name in lower case, "mp4" for "A.MP4"."""
        return _suffix(self.name)

    @property
    def modified(self) -> datetime | None:
        """Return its modification time, or None if it is before 1970 or after the year 9999."""
        try:
            return datetime.fromtimestamp(self.mtime_ns / 1e9, UTC) if self.mtime_ns >= 0 else None
        except (ValueError, OverflowError, OSError):
            return None

    def is_unchanged(self) -> bool:
        """Return whether the file still has this size and time.

        Raises:
            OSError: The file does not exist any more or cannot be read.
        """
        now = self.path.lstat()
        return (now.st_size, now.st_mtime_ns) == (self.size_bytes, self.mtime_ns)


@dataclass(frozen=True)
class FolderContents:
    """What was found below a folder.

    Attributes:
        files: The media files, sorted by name.
        left_out: What else was found.
    """

    files: list[MediaFile]
    left_out: LeftOut


def media_files(folder: Path, leave_out: Collection[Path]) -> FolderContents:
    """Return the media files below a folder.

    Hidden files, temporary files ("~…", "….part") and everything behind a symbolic link are
    left out.

    Args:
        folder: The folder.
        leave_out: Folders that are not searched.

    Raises:
        OSError: The folder itself cannot be read.
    """
    search = _Search(folder, leave_out)
    search.look_into(folder)
    while search.folders:
        current = search.folders.pop()
        with search.counting_trouble(current):
            search.look_into(current)
    return FolderContents(sorted(search.files, key=lambda file: file.name), search.left_out)


def read_small(path: Path, most_bytes: int) -> bytes:
    """Return the content of a regular file that is expected to be small.

    Other files are refused: reading a pipe may never end, and opening a device may have effects.

    Args:
        path: The file; a symbolic link is not followed.
        most_bytes: The size that it may have at most.

    Raises:
        OSError: The file cannot be read, is not a regular file, or is larger.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    # the path may have been replaced by a pipe or a link since lstat
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags), "rb") as stream:
        content = stream.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {most_bytes >> 10} KiB")
    return content


class _Search:
    """A search in progress: what was found, and the folders that are still to be searched."""

    def __init__(self, top: Path, leave_out: Collection[Path]) -> None:
        self.files: list[MediaFile] = []
        self.folders: list[Path] = []
        self.left_out = LeftOut()
        self._top = top
        self._leave_out = leave_out

    def look_into(self, folder: Path) -> None:
        """Add the entries of a folder; an unreadable entry affects no other.

        Args:
            folder: The folder.

        Raises:
            OSError: The folder cannot be read.
        """
        with os.scandir(folder) as listed:
            entries = [entry for entry in listed if self._is_wanted(entry)]
        names = {entry.name for entry in entries}
        found, sidecars = len(self.files), SidecarNames(names)
        for entry in entries:
            with self.counting_trouble(Path(entry.path)):
                self._add(entry, names, sidecars)
        self._add_beside(folder, names, self.files[found:])

    @contextmanager
    def counting_trouble(self, path: Path) -> Iterator[None]:
        """Log and count a file or folder that cannot be read or has disappeared."""
        try:
            yield
        except OSError as error:
            _log.warning("%r cannot be read: %s", str(path), error.strerror)
            is_gone = isinstance(error, FileNotFoundError)
            self.left_out.add(Reason.CHANGING if is_gone else Reason.UNREADABLE, str(path))

    def _is_wanted(self, entry: os.DirEntry[str]) -> bool:
        if Path(entry.path) in self._leave_out:
            return False
        is_link, is_folder = False, False
        with self.counting_trouble(Path(entry.path)):
            is_link, is_folder = entry.is_symlink(), entry.is_dir(follow_symlinks=False)
        is_hidden = entry.name.startswith((".", "~"))
        if is_folder and is_housekeeping(entry.name):
            self.left_out.add(Reason.HOUSEKEEPING, entry.path)
        elif is_hidden and (is_folder or _suffix(entry.name) in SUFFIXES):
            self.left_out.add(Reason.HIDDEN, entry.path)
        elif is_link and not is_hidden:
            self.left_out.add(Reason.LINK, entry.path)
        else:
            return not is_hidden
        return False

    def _add(self, entry: os.DirEntry[str], names: Collection[str], sidecars: SidecarNames) -> None:
        if entry.is_dir(follow_symlinks=False):
            self.folders.append(Path(entry.path))
        elif not entry.is_file(follow_symlinks=False):
            self.left_out.add(Reason.SPECIAL, entry.path)
        elif _suffix(entry.name) in SUFFIXES:
            self.files.append(self._media(entry, names, sidecars))
        elif not entry.name.lower().endswith((*_SIDECARS, *_STILL_COMING)):
            self.left_out.add_other_kind(_suffix(entry.name))

    def _add_beside(
        self, folder: Path, names: Collection[str], files: Collection[MediaFile]
    ) -> None:
        """Count the sidecars and unfinished downloads of no file in the folder."""
        media, sidecars = {file.path.name for file in files}, {file.sidecar for file in files}
        for name in names:
            path = folder / name
            ending = next((one for one in _STILL_COMING if name.lower().endswith(one)), "")
            if name.lower().endswith(_SIDECARS) and path not in sidecars:
                self.left_out.add_other_kind(_suffix(name))
            elif ending and name[: -len(ending)] not in media:
                self.left_out.add(Reason.UNFINISHED, str(path))

    def _media(
        self, entry: os.DirEntry[str], names: Collection[str], sidecars: SidecarNames
    ) -> MediaFile:
        path, status = Path(entry.path), entry.stat(follow_symlinks=False)
        note = sidecars.of(path.name)
        return MediaFile(
            name=path.relative_to(self._top).as_posix(),
            path=path,
            size_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
            is_coming=any(f"{entry.name}{ending}" in names for ending in _STILL_COMING),
            sidecar=path.with_name(note) if note else None,
        )


def _suffix(name: str) -> str:
    return Path(name).suffix.removeprefix(".").lower()
