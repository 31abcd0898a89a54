"""Erasure of a student: rows, files, log lines and what the database keeps of removed rows.

The scope of an erasure is written to a file first, which is removed last. An erasure that was
interrupted at any point is completed by the same call, although its rows may be gone.
"""

import gzip
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from meeting_pipeline.domain.erasure import Scope, Words
from meeting_pipeline.domain.model import RecordKey
from meeting_pipeline.domain.retention import SWEPT
from meeting_pipeline.errors import FatalError, UsageError
from meeting_pipeline.ports.rows import StatsStore
from meeting_pipeline.ports.upkeep import ErasureStore, Remnant
from meeting_pipeline.runtime.type_adapters import adapter_of
from meeting_pipeline.storage.files import RecordFolder, make_folder, remove_durably, write_durably

_COPIES = ("folder-index.json*", "transcripts*")  # made again when needed; they may hold names
_NOTES = "erasing"
_BLOCK_BYTES = 1 << 20
_OVERLAP_BYTES = 4 << 10  # longer than any name, so that none is cut at the end of a block
_AUDIO_AND_MEDIA = tuple(kind.stem + "." for kind in SWEPT)


@dataclass(frozen=True)
class Erased:
    """What was erased, or would be.

    Attributes:
        scope: The student and the recordings.
        files: Files in the folders of the recordings.
        log_lines: The number of log lines.
        remnants: Places that still name the student, in recordings of others.
    """

    scope: Scope
    files: Sequence[Path]
    log_lines: int
    remnants: Sequence[Remnant] = ()


@dataclass(frozen=True)
class Erasure:
    """The erasure of students in one installation, under its run lock.

    Attributes:
        store: The rows of students.
        stats: The statistics, refreshed after an erasure.
        data_dir: The data folder.
        log_dirs: The folders of log files.
    """

    store: ErasureStore
    stats: StatsStore
    data_dir: Path
    log_dirs: Sequence[Path]

    def plan(self, student: str) -> Erased:
        """Return what `erase` would erase; nothing is written.

        Raises:
            UsageError: As for `erase`.
        """
        scope = self._scope(student)
        return Erased(scope, list(self._files(scope)), self._log_lines(scope, write=False))

    def erase(self, student: str) -> Erased:
        """Erase a student; erasing a student again is no error.

        Args:
            student: The id under which the student is counted.

        Raises:
            UsageError: ("no_such_student") when no rows and no earlier erasure have this id,
                ("not_a_student") for a person who only taught.
            FatalError: ("not_erased") when the disk or the database refuses; the same call again
                completes the erasure.
        """
        scope = self._scope(student)
        files = list(self._files(scope))
        try:
            make_folder(self._note(student).parent)
            write_durably(self._note(student), adapter_of(Scope).dump_json(scope))
            self.store.erase(scope)
            for key in scope.keys:
                remove_durably(self._folder(key))
            for copy in (path for name in _COPIES for path in self.data_dir.glob(name)):
                remove_durably(copy)
            self.stats.refresh()
            lines = self._log_lines(scope, write=True)
            self.store.compact()
            remnants = [*self.store.remnants(scope.words), *self._named_in_files(scope.words)]
            remove_durably(self._note(student))
        except OSError as error:
            raise FatalError(
                "not_erased",
                f"{error.filename or 'the disk'}: {error.strerror}; the erasure is not complete",
                hint="fix the cause, then run the same command again",
            ) from error
        return Erased(scope, files, lines, remnants)

    # ── the scope ────────────────────────────────────────────────────────────────────────────────

    def _scope(self, student: str) -> Scope:
        found, interrupted = self.store.find(student), self._interrupted(student)
        scope = found.joined_with(interrupted) if interrupted else found
        if scope.keys and not scope.is_student:
            raise UsageError(
                "not_a_student",
                f"{student} only taught; nothing is erased",
                hint="`meeting stats` lists the students",
            )
        if not scope.keys and not interrupted and not self.store.was_erased(student):
            raise UsageError(
                "no_such_student",
                f"no student is counted under {student!r}",
                hint="`meeting stats` lists the ids; a name is not enough",
            )
        return scope

    def _files(self, scope: Scope) -> Iterator[Path]:
        for key in scope.keys:
            folder = self._folder(key)
            yield from sorted(path for path in folder.rglob("*") if not path.is_dir())

    def _folder(self, key: RecordKey) -> Path:
        return RecordFolder(self.data_dir / "recordings", key).path

    # ── the scope on disk ────────────────────────────────────────────────────────────────────────

    def _note(self, student: str) -> Path:
        name = hashlib.sha256(student.encode()).hexdigest()
        return self.data_dir / _NOTES / f"{name}.json"

    def _interrupted(self, student: str) -> Scope | None:
        path = self._note(student)
        return adapter_of(Scope).validate_json(path.read_bytes()) if path.is_file() else None

    # ── logs ─────────────────────────────────────────────────────────────────────────────────────

    def _log_lines(self, scope: Scope, *, write: bool) -> int:
        """Count the log lines that name the student, and with `write` remove them."""
        return sum(
            _without(path, scope.traces, write=write)
            for folder in self.log_dirs
            for path in sorted({*folder.glob("*.log*"), *folder.glob("cron.*")})
            if path.is_file() and not path.is_symlink()
        )

    # ── the search for remnants ──────────────────────────────────────────────────────────────────

    def _named_in_files(self, words: Words) -> Iterator[Remnant]:
        """Yield files that still name the student, except media, audio and the database."""
        for path in sorted(self.data_dir.rglob("*")):
            is_text = not path.name.startswith((*_AUDIO_AND_MEDIA, "meeting.db"))
            if not path.is_file() or not is_text or path.parent.name == _NOTES:
                continue
            if words.found_in(path.name) or _holds(path, words):
                yield Remnant(str(path.relative_to(self.data_dir)))


def interrupted_erasures(data_dir: Path) -> int:
    """Return how many erasures in a data folder were begun and not completed."""
    return len(list((data_dir / _NOTES).glob("*.json")))


def _holds(path: Path, words: Words) -> bool:
    tail = b""
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            if words.found_in((tail + block).decode(errors="replace")):
                return True
            tail = block[-_OVERLAP_BYTES:]
    return False


def _without(path: Path, words: Words, *, write: bool) -> int:
    is_packed = path.suffix == ".gz"
    pack: Callable[[bytes], bytes] = gzip.compress if is_packed else bytes
    unpack: Callable[[bytes], bytes] = gzip.decompress if is_packed else bytes
    lines = unpack(path.read_bytes()).decode(errors="surrogateescape").splitlines(keepends=True)
    kept = [line for line in lines if not words.found_in(line)]
    if write and len(kept) < len(lines):
        write_durably(path, pack("".join(kept).encode(errors="surrogateescape")))
    return len(lines) - len(kept)
