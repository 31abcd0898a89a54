"""The media files below a folder, as they stand right now."""

import errno
import logging
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = frozenset({"mp4", "m4a", "mp3", "wav", "mkv", "webm", "ogg", "flac"})
_STILL_COMING = (".aria2", ".part", ".crdownload")
"""A downloader keeps a file of this name beside the one it has not finished."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MediaFile:
    """One media file.

    name: its path below the folder, with "/". is_coming: a downloader still works on it.
    sidecar: the JSON file beside it, or None.
    """

    name: str
    path: Path
    size_bytes: int
    mtime_ns: int
    is_coming: bool = False
    sidecar: Path | None = None

    @property
    def suffix(self) -> str:
        """What kind of file its name says it is, "mp4" for "A.MP4"."""
        return _suffix(self.name)

    def is_unchanged(self) -> bool:
        """Whether the file is still there with the same size and time; raises OSError."""
        now = self.path.lstat()
        return (now.st_size, now.st_mtime_ns) == (self.size_bytes, self.mtime_ns)


@dataclass(frozen=True)
class FolderContents:
    """What lies below a folder.

    files: by name. unreadable: files and folders that could not be looked at. links: symbolic ones,
    not followed.
    """

    files: list[MediaFile]
    unreadable: int
    links: int


def media_files(folder: Path, leave_out: Collection[Path]) -> FolderContents:
    """All media files below `folder`.

    Hidden files, those of editors and downloads ("~…", "….part") and everything behind a symbolic
    link are no media files. leave_out: folders not looked into.
    Raises OSError when `folder` itself cannot be read.
    """
    search = _Search(folder, leave_out)
    search.look_into(folder)
    while search.folders:
        current = search.folders.pop()
        with search.counting_trouble(current):
            search.look_into(current)
    return FolderContents(
        sorted(search.files, key=lambda file: file.name), search.unreadable, search.links
    )


def read_small(path: Path, most_bytes: int) -> bytes:
    """Read a regular file that is not supposed to be large.

    A pipe would keep the reader waiting for ever, and opening a device may set something going.

    Args:
        path: The file; a symbolic link is not followed.
        most_bytes: How large it may be.

    Raises:
        OSError: It cannot be read, is not a regular file, or is larger.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    # it may have become something else since it was looked at
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags), "rb") as stream:
        content = stream.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {most_bytes >> 10} KiB")
    return content


class _Search:
    """What was found so far, and the folders that are still to be looked into."""

    def __init__(self, top: Path, leave_out: Collection[Path]) -> None:
        self.files: list[MediaFile] = []
        self.folders: list[Path] = []
        self.unreadable = 0
        self.links = 0
        self._top = top
        self._leave_out = leave_out

    def look_into(self, folder: Path) -> None:
        """Raises OSError when the folder cannot be read; one bad entry costs no other."""
        with os.scandir(folder) as listed:
            entries = [entry for entry in listed if self._is_for_us(entry)]
        names = {entry.name for entry in entries}
        for entry in entries:
            with self.counting_trouble(Path(entry.path)):
                self._take(entry, names)

    @contextmanager
    def counting_trouble(self, path: Path) -> Iterator[None]:
        """Name and count what cannot be looked at, or is gone since it was listed."""
        try:
            yield
        except OSError as error:
            _log.warning("%r cannot be read: %s", str(path), error.strerror)
            self.unreadable += 1

    def _is_for_us(self, entry: os.DirEntry[str]) -> bool:
        if entry.name.startswith((".", "~")) or Path(entry.path) in self._leave_out:
            return False
        is_link = False
        with self.counting_trouble(Path(entry.path)):
            is_link = entry.is_symlink()
        self.links += is_link
        return not is_link

    def _take(self, entry: os.DirEntry[str], names: Collection[str]) -> None:
        if entry.is_dir(follow_symlinks=False):
            self.folders.append(Path(entry.path))
        elif _suffix(entry.name) in SUFFIXES and entry.is_file(follow_symlinks=False):
            self.files.append(self._media(entry, names))

    def _media(self, entry: os.DirEntry[str], names: Collection[str]) -> MediaFile:
        path, status = Path(entry.path), entry.stat(follow_symlinks=False)
        notes = (f"{path.stem}.json", f"{path.name}.json")
        return MediaFile(
            name=path.relative_to(self._top).as_posix(),
            path=path,
            size_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
            is_coming=any(f"{entry.name}{ending}" in names for ending in _STILL_COMING),
            sidecar=next((path.with_name(note) for note in notes if note in names), None),
        )


def _suffix(name: str) -> str:
    return Path(name).suffix.removeprefix(".").lower()
