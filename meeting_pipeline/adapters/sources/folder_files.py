"""The search for media files below a folder."""

import errno
import logging
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from meeting_pipeline.adapters.sources.folder_names import is_housekeeping, sidecar_for

SUFFIXES = frozenset(
    {
        *("mp4", "m4v", "mov", "3gp", "mkv", "webm", "ts", "mts", "avi"),
        *("m4a", "mp3", "wav", "ogg", "oga", "opus", "flac", "aac", "amr", "wma"),
    }
)
_STILL_COMING = (".aria2", ".part", ".crdownload")
"""Suffixes of the files that downloaders keep beside an unfinished file."""

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
        unreadable: The number of files and folders that cannot be read.
        links: The number of symbolic links, which are not followed.
        housekeeping: The number of a system's own folders, such as recycle bins.
        others: How many files there are of each suffix that is not read.
    """

    files: list[MediaFile]
    unreadable: int
    links: int
    housekeeping: int = 0
    others: Mapping[str, int] = field(default_factory=dict)


def media_files(folder: Path, leave_out: Collection[Path]) -> FolderContents:
    """Return the media files below a folder.

    Hidden files, temporary files ("~…", "….part") and everything behind a symbolic link are
    ignored.

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
    return FolderContents(
        sorted(search.files, key=lambda file: file.name),
        search.unreadable,
        search.links,
        search.housekeeping,
        search.others,
    )


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
        self.unreadable = 0
        self.links = 0
        self.housekeeping = 0
        self.others: Counter[str] = Counter()
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
        for entry in entries:
            with self.counting_trouble(Path(entry.path)):
                self._add(entry, names)

    @contextmanager
    def counting_trouble(self, path: Path) -> Iterator[None]:
        """Log and count a file or folder that cannot be read or has disappeared."""
        try:
            yield
        except OSError as error:
            _log.warning("%r cannot be read: %s", str(path), error.strerror)
            self.unreadable += 1

    def _is_wanted(self, entry: os.DirEntry[str]) -> bool:
        if entry.name.startswith((".", "~")) or Path(entry.path) in self._leave_out:
            return False
        is_link = False
        with self.counting_trouble(Path(entry.path)):
            is_link = entry.is_symlink()
        self.links += is_link
        return not is_link

    def _add(self, entry: os.DirEntry[str], names: Collection[str]) -> None:
        if entry.is_dir(follow_symlinks=False):
            self._add_folder(entry)
        elif not entry.is_file(follow_symlinks=False):
            return
        elif _suffix(entry.name) in SUFFIXES:
            self.files.append(self._media(entry, names))
        elif not _belongs_to_media(entry.name):
            self.others[_suffix(entry.name)] += 1

    def _add_folder(self, entry: os.DirEntry[str]) -> None:
        if is_housekeeping(entry.name):
            self.housekeeping += 1
        else:
            self.folders.append(Path(entry.path))

    def _media(self, entry: os.DirEntry[str], names: Collection[str]) -> MediaFile:
        path, status = Path(entry.path), entry.stat(follow_symlinks=False)
        note = sidecar_for(path.name, names)
        return MediaFile(
            name=path.relative_to(self._top).as_posix(),
            path=path,
            size_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
            is_coming=any(f"{entry.name}{ending}" in names for ending in _STILL_COMING),
            sidecar=path.with_name(note) if note else None,
        )


def _belongs_to_media(name: str) -> bool:
    """Return whether a file is a sidecar, or what a downloader keeps beside an unfinished file."""
    return name.lower().endswith((".json", ".json.txt", *_STILL_COMING))


def _suffix(name: str) -> str:
    return Path(name).suffix.removeprefix(".").lower()
