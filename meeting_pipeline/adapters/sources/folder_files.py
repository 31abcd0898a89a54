"""The media files below a folder, as they stand right now."""

import logging
import os
from collections.abc import Collection, Iterator
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
class Found:
    """What lies below a folder.

    files: by name. unreadable: folders that could not be read. links: symbolic ones, not followed.
    """

    files: list[MediaFile]
    unreadable: int
    links: int


def media_files(folder: Path, leave_out: Collection[Path]) -> Found:
    """All media files below `folder`.

    Hidden files, those of editors and downloads ("~…", "….part") and everything behind a symbolic
    link are no media files. leave_out: folders not looked into.
    Raises OSError when `folder` itself cannot be read.
    """
    files, unreadable, links = [], 0, 0
    folders = [folder]
    while folders:
        current = folders.pop()
        try:
            visible = [entry for entry in _entries(current) if Path(entry.path) not in leave_out]
            entries = [entry for entry in visible if not entry.is_symlink()]
            links += len(visible) - len(entries)
            folders += [
                Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)
            ]
            files += list(_media(entries, folder))
        except OSError as error:
            if current == folder:
                raise
            _log.warning("folder %r cannot be read: %s", str(current), error.strerror)
            unreadable += 1
    return Found(sorted(files, key=lambda file: file.name), unreadable, links)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith((".", "~"))]


def _media(entries: Collection[os.DirEntry[str]], folder: Path) -> Iterator[MediaFile]:
    names = {entry.name for entry in entries}
    for entry in entries:
        if _suffix(entry.name) not in SUFFIXES or not entry.is_file(follow_symlinks=False):
            continue
        path, status = Path(entry.path), entry.stat(follow_symlinks=False)
        notes = (f"{path.stem}.json", f"{path.name}.json")
        yield MediaFile(
            name=path.relative_to(folder).as_posix(),
            path=path,
            size_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
            is_coming=any(f"{entry.name}{ending}" in names for ending in _STILL_COMING),
            sidecar=next((path.with_name(note) for note in notes if note in names), None),
        )


def _suffix(name: str) -> str:
    return Path(name).suffix.removeprefix(".").lower()
