"""What a disk may hold after the power failed: a system-call log played with un-synced data lost.

The log is strace's, of every thread and child of one night, with all data. POSIX promises of a file
only what it held at its last fsync, and of a folder only the names it had at its last fsync; what
came later may be there or not, and names may be there without their data. `Survivors` are the
extremes of that.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath

from meeting_pipeline.adapters.downloads.part_file import boot
from tests.support.tracing import Tracer

CALLS = (
    "openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,lseek,ftruncate,truncate,fallocate,"
    "copy_file_range,sendfile,link,linkat,symlink,symlinkat,rename,renameat,renameat2,unlink,"
    "unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,sync,msync,sync_file_range"
)
_IGNORED = re.compile(r".*\.db-shm")  # SQLite's index of its log, made anew after any crash
_DATABASE = re.compile(r".*\.db(-wal|-journal)?")
_MEDIA = re.compile(r"(recording|audio)\.\w+(\.part)?")
_ANSWER = re.compile(r"/calls/[0-9a-f]+\.json$")
_WRITES = ("write", "pwrite64")
_LINE = re.compile(r"^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$")
_ENDED = re.compile(r"(.*)\) += (-?\d+)(?:<[^>]*>(?:\(deleted\))?)?(?: .*)?$")
_WORD = re.compile(
    r'"(?P<text>(?:\\x[0-9a-f]{2})*)"(?P<cut>\.\.\.)?|(?P<fd>-?\w+)<(?P<path>[^>]*)>'
    r"(?P<gone>\(deleted\))?|(?P<plain>[^,\s]+)"
)
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")


class Survivors(StrEnum):
    """What of the un-synced is still there after the power cut."""

    NOTHING = "nothing un-synced"
    NAMES = "names without data"
    LENGTHS = "names and lengths, zeros for data"
    ROWS = "names, and all data of the database"
    FILES = "names, and all data but the database's"
    SMALL = "names, and all data but the second half of media"


@dataclass
class File:
    """synced: what it held at its last fsync, None where there was none."""

    data: bytearray = field(default_factory=bytearray)
    synced: bytes | None = None


@dataclass
class Folder:
    """synced: its names at its last fsync."""

    names: dict[str, "Entry"] = field(default_factory=dict)
    synced: dict[str, "Entry"] = field(default_factory=dict)


Entry = File | Folder
Word = str | bytes | tuple[str, str, bool]


@dataclass(frozen=True)
class Call:
    """One system call that succeeded. words: numbers as text, data, (descriptor, path, gone)."""

    name: str
    words: tuple[Word, ...]
    result: int


def recorder(log: Path) -> Tracer:
    """A tracer that writes the log of a whole night: all threads, all children, all data."""
    options = ("-f", "-y", "-xx", "-s", "100000000", "-e", f"trace={CALLS}", "-o", str(log))
    return Tracer(options, log)


class Disk:
    """The files below `root` as the log's calls leave them, and what of them is durable."""

    def __init__(self, root: Path) -> None:
        self._root = PurePosixPath(root)
        self._top = _durable(root)
        self._places: dict[tuple[int, str], int | None] = {}

    def is_touched_by(self, call: Call) -> bool:
        """Whether the call may change what is below the root."""
        paths = [path for path in map(self._path_of, call.words) if path]
        if not paths:
            return call.name == "fsync"
        return not all(_IGNORED.fullmatch(path) for path in paths)

    def play(self, call: Call) -> bool:
        """Do what the call did; returns whether it changed anything of ours."""
        if not self.is_touched_by(call):
            return False
        act = getattr(self, f"_{call.name}", None)
        assert act, f"{call} is not understood"
        done: bool | None = act(call)
        return done is not False

    def files(self, survivors: Survivors | None = None) -> dict[str, bytes]:
        """Every file's content by its path; after a power cut, or as it is."""
        return dict(_walk(self._top, "", survivors))

    def folders(self, survivors: Survivors | None = None) -> list[str]:
        """Every folder, parents first."""
        return [name for name in _folders(self._top, "", survivors) if name]

    # calls

    def _openat(self, call: Call) -> bool:
        path, flags = self._paths(call)[-1], _plain(call.words)
        parent, name = self._parent(path)
        entry = parent.names.get(name)
        if entry is None:
            assert "O_CREAT" in flags, path
            entry = parent.names[name] = File()
        if isinstance(entry, Folder):
            return False
        self._places[id(entry), str(call.result)] = None if "O_APPEND" in flags else 0
        if "O_TRUNC" in flags:
            del entry.data[:]
        return "O_CREAT" in flags or "O_TRUNC" in flags

    def _write(self, call: Call) -> bool | None:
        opened = self._opened(call)
        if opened is None:
            return False
        file, descriptor = opened
        data = _data(call)[: call.result]
        place = self._places[id(file), descriptor]
        at = len(file.data) if place is None else place
        _put(file.data, at, data)
        if place is not None:
            self._places[id(file), descriptor] = at + len(data)
        return None

    def _pwrite64(self, call: Call) -> bool | None:
        opened = self._opened(call)
        if opened is None:
            return False
        _put(opened[0].data, int(str(call.words[-1])), _data(call)[: call.result])
        return None

    def _lseek(self, call: Call) -> bool:
        opened = self._opened(call)
        if opened and self._places.get((id(opened[0]), opened[1])) is not None:
            self._places[id(opened[0]), opened[1]] = call.result
        return False

    def _ftruncate(self, call: Call) -> bool | None:
        opened = self._opened(call)
        if opened is None:
            return False
        length = int(str(call.words[-1]))
        del opened[0].data[length:]
        opened[0].data.extend(bytes(length - len(opened[0].data)))
        return None

    def _fallocate(self, call: Call) -> bool:
        raise AssertionError("fallocate is not understood")

    def _fsync(self, call: Call) -> bool:
        entry = self._entry_of_descriptor(call)
        if isinstance(entry, File):
            entry.synced = bytes(entry.data)
        elif isinstance(entry, Folder):
            entry.synced = dict(entry.names)
        return entry is not None

    _fdatasync = _fsync

    def _rename(self, call: Call) -> None:
        old, new = self._paths(call)
        folder, name = self._parent(old)
        target, new_name = self._parent(new)
        target.names[new_name] = folder.names.pop(name)

    _renameat = _renameat2 = _rename

    def _unlink(self, call: Call) -> None:
        folder, name = self._parent(self._paths(call)[-1])
        del folder.names[name]

    _unlinkat = _rmdir = _unlink

    def _mkdir(self, call: Call) -> None:
        folder, name = self._parent(self._paths(call)[-1])
        folder.names[name] = Folder()

    _mkdirat = _mkdir

    # finding things

    def _path_of(self, word: Word) -> str | None:
        """The path below the root that a word names, if it does."""
        text = word[1] if isinstance(word, tuple) else ""
        if isinstance(word, bytes) and word.startswith(b"/"):
            text = word.decode(errors="replace")
        path = PurePosixPath(text)
        return str(path) if path.is_relative_to(self._root) and path != self._root else None

    def _paths(self, call: Call) -> list[str]:
        named = [word for word in call.words if isinstance(word, bytes)]
        paths = [path for path in map(self._path_of, named) if path]
        if not paths:  # relative to a folder's descriptor, as shutil.rmtree calls
            folder = next(word for word in call.words if isinstance(word, tuple))
            paths = [str(PurePosixPath(folder[1]) / one.decode()) for one in named]
        return paths

    def _parent(self, path: str) -> tuple[Folder, str]:
        *above, name = PurePosixPath(path).relative_to(self._root).parts
        folder: Entry = self._top
        for part in above:
            assert isinstance(folder, Folder)
            folder = folder.names[part]
        assert isinstance(folder, Folder)
        return folder, name

    def _entry_of_descriptor(self, call: Call) -> Entry | None:
        word = call.words[0]
        assert isinstance(word, tuple)
        if word[2] or not self._path_of(word):
            return self._top if word[1] == str(self._root) else None
        folder, name = self._parent(word[1])
        return folder.names[name]

    def _opened(self, call: Call) -> tuple[File, str] | None:
        """The file and the descriptor that the first word names; None for one that is gone."""
        word, entry = call.words[0], self._entry_of_descriptor(call)
        assert isinstance(word, tuple)
        return (entry, word[0]) if isinstance(entry, File) else None


def calls_in(log: Path) -> Iterator[Call]:
    """The calls of a log that succeeded, in the order in which they ended."""
    begun: dict[str, str] = {}
    with log.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            found = _LINE.match(line.rstrip("\n"))
            if not found:
                continue
            thread, resumed, name, rest = found.groups()
            if rest.endswith("<unfinished ...>"):
                begun[thread] = rest.removesuffix("<unfinished ...>").rstrip()
                continue
            whole = begun.pop(thread, "") + " " + rest if resumed else rest
            ended = _ENDED.match(whole)
            if ended and int(ended[2]) >= 0:
                yield Call(resumed or name, _words(ended[1]), int(ended[2]))


def _words(text: str) -> tuple[Word, ...]:
    return tuple(map(_word, _WORD.finditer(text)))


def _word(found: re.Match[str]) -> Word:
    if found["text"] is not None:
        assert not found["cut"], "strace cut the data"
        return bytes.fromhex(found["text"].replace("\\x", ""))
    if found["fd"] is not None:
        path = _ESCAPE.sub(lambda code: chr(int(code[1], 16)), found["path"])
        return found["fd"], path, bool(found["gone"])
    return found["plain"]


def _plain(words: tuple[Word, ...]) -> str:
    return " ".join(word for word in words if isinstance(word, str))


def _data(call: Call) -> bytes:
    return next(word for word in call.words if isinstance(word, bytes))


def _put(target: bytearray, at: int, data: bytes) -> None:
    if at > len(target):
        target.extend(bytes(at - len(target)))
    target[at : at + len(data)] = data


def _durable(path: Path) -> Folder:
    """A folder as it is now, long since synced."""
    folder = Folder()
    for inner in path.iterdir():
        if inner.is_dir():
            folder.names[inner.name] = _durable(inner)
        else:
            data = inner.read_bytes()
            folder.names[inner.name] = File(bytearray(data), data)
    folder.synced = dict(folder.names)
    return folder


def _names(folder: Folder, survivors: Survivors | None) -> dict[str, Entry]:
    return folder.synced if survivors is Survivors.NOTHING else folder.names


def _walk(folder: Folder, above: str, survivors: Survivors | None) -> Iterator[tuple[str, bytes]]:
    for name, entry in _names(folder, survivors).items():
        if isinstance(entry, Folder):
            yield from _walk(entry, f"{above}{name}/", survivors)
        elif not _IGNORED.fullmatch(name):
            yield f"{above}{name}", _content(name, entry, survivors)


def _folders(folder: Folder, above: str, survivors: Survivors | None) -> Iterator[str]:
    yield above
    for name, entry in _names(folder, survivors).items():
        if isinstance(entry, Folder):
            yield from _folders(entry, f"{above}{name}/", survivors)


def _content(name: str, file: File, survivors: Survivors | None) -> bytes:
    synced, all_of_it = file.synced or b"", bytes(file.data)
    is_row = bool(_DATABASE.fullmatch(name))
    if survivors is Survivors.LENGTHS:
        return synced + bytes(max(0, len(all_of_it) - len(synced)))
    if survivors is Survivors.SMALL and file.synced is None and _MEDIA.fullmatch(name):
        half = len(all_of_it) // 2
        return all_of_it[:half] + bytes(len(all_of_it) - half)
    whole = {None, Survivors.SMALL}
    kept: dict[Survivors | None, bool] = {Survivors.ROWS: is_row, Survivors.FILES: not is_row}
    return all_of_it if survivors in whole or kept.get(survivors) else synced


_BOOT, _NEXT_BOOT = boot().encode(), b"another boot"


@dataclass(frozen=True)
class CutDisk:
    """One state of the disk after a power cut.

    after: how many calls of ours had been made. answers: how many paid answers had been kept then.
    """

    after: int
    answers: int
    survivors: Survivors
    folders: tuple[str, ...]
    files: dict[str, bytes]

    def lay_out(self, root: Path) -> None:
        """Make it the content of an empty folder, on a machine that was started anew."""
        for name in self.folders:
            (root / name).mkdir(mode=0o700)
        for name, content in self.files.items():
            is_memory = name.endswith(".part.json")
            (root / name).write_bytes(content.replace(_BOOT, _NEXT_BOOT) if is_memory else content)

    @property
    def digest(self) -> str:
        """The same for the same state after as many paid answers."""
        told = hashlib.sha256(repr((self.answers, self.folders)).encode())
        for name in sorted(self.files):
            told.update(name.encode() + b"\0" + hashlib.sha256(self.files[name]).digest())
        return told.hexdigest()


def cut_disks(disk: Disk, calls: Iterator[Call]) -> Iterator[CutDisk]:
    """Every different state that a power cut may leave: after each call that is no write, and
    after the last write of each row of them (that some of a row are missing is in `Survivors`).
    """
    seen: set[str] = set()
    made = 0
    writes = False
    for call in calls:
        if writes and call.name not in _WRITES and disk.is_touched_by(call):
            yield from _new(disk, made, seen)
        touched = disk.play(call)
        made += touched
        writes = call.name in _WRITES if touched else writes
        if touched and not writes:
            yield from _new(disk, made, seen)


def _new(disk: Disk, made: int, seen: set[str]) -> Iterator[CutDisk]:
    """The states of now that have not been seen."""
    answers = sum(bool(_ANSWER.search(name)) for name in disk.files())
    for survivors in Survivors:
        folders, files = tuple(disk.folders(survivors)), disk.files(survivors)
        cut = CutDisk(made, answers, survivors, folders, files)
        if cut.digest not in seen:
            seen.add(cut.digest)
            yield cut
