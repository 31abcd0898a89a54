"""Everything of one student is erased: rows, files, log lines, and what the database leaves behind.

What is found is noted in a file first and forgotten last, so an erasure that was broken off at any
point is completed by asking for it again, although the rows that told of it are gone.
"""

import gzip
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from meeting_pipeline.domain.erasure import Scope, Words
from meeting_pipeline.domain.model import RecordKey
from meeting_pipeline.domain.retention import SWEPT
from meeting_pipeline.errors import FatalError, UsageError
from meeting_pipeline.ports.rows import StatsStore
from meeting_pipeline.ports.upkeep import ErasureStore, Remnant
from meeting_pipeline.storage.files import RecordFolder, make_folder, remove_durably, write_durably

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_COPIES = ("folder-index.json", "transcripts")  # made anew when needed; names may stand in them
_NOTES = "erasing"
_BLOCK_BYTES = 1 << 20
_OVERLAP_BYTES = 4 << 10  # longer than any name, so that none is cut in two
_SOUNDS = tuple(kind.stem + "." for kind in SWEPT)


@dataclass(frozen=True)
class Erased:
    """What was erased, or would be.

    files: below the data folder. log_lines: how many. remnants: where a word still stands: texts
    of lessons that are not theirs.
    """

    scope: Scope
    files: Sequence[Path]
    log_lines: int
    remnants: Sequence[Remnant] = ()


@dataclass(frozen=True)
class Erasure:
    """Erases in the data folder and the log folders of one installation, under its run lock."""

    store: ErasureStore
    stats: StatsStore
    data_dir: Path
    log_dirs: Sequence[Path]

    def plan(self, student: str) -> Erased:
        """What `erase` would do; nothing is written. Raises UsageError like `erase`."""
        scope = self._scope(student)
        return Erased(scope, list(self._files(scope)), self._log_lines(scope, write=False))

    def erase(self, student: str) -> Erased:
        """Erase them; again for somebody already erased is fine.

        Raises UsageError("no_such_student") for somebody nobody has heard of, ("not_a_student")
        for somebody who only taught; FatalError when the disk or the database refuses: what is
        left then goes when it is called again.
        """
        scope = self._scope(student)
        files = list(self._files(scope))
        try:
            make_folder(self._note(student).parent)
            write_durably(self._note(student), _note_format().dump_json(scope))
            self.store.erase(scope)
            for key in scope.keys:
                remove_durably(self._folder(key))
            for name in _COPIES:
                remove_durably(self.data_dir / name)
            self.stats.refresh()
            lines = self._log_lines(scope, write=True)
            self.store.compact()
            remnants = [*self.store.remnants(scope.words), *self._named_in_files(scope.words)]
            remove_durably(self._note(student))
        except OSError as error:
            raise FatalError(
                "not_erased",
                f"{error.filename or 'the disk'}: {error.strerror}; the erasure is not complete",
                hint="mend it, then give the same command again",
            ) from error
        return Erased(scope, files, lines, remnants)

    # ── what there is ────────────────────────────────────────────────────────────────────────────

    def _scope(self, student: str) -> Scope:
        found, noted = self.store.find(student), self._broken_off(student)
        scope = found.joined_with(noted) if noted else found
        if scope.keys and not scope.is_student:
            raise UsageError(
                "not_a_student",
                f"{student} only taught; nothing is erased",
                hint="`meeting stats` lists the students",
            )
        if not scope.keys and not noted and not self.store.was_erased(student):
            raise UsageError(
                "no_such_student",
                f"nobody is counted under {student!r}",
                hint="`meeting stats` lists the ids; a name alone is not enough",
            )
        return scope

    def _files(self, scope: Scope) -> Iterator[Path]:
        for key in scope.keys:
            folder = self._folder(key)
            yield from sorted(path for path in folder.rglob("*") if not path.is_dir())

    def _folder(self, key: RecordKey) -> Path:
        return RecordFolder(self.data_dir / "recordings", key).path

    # ── the note ─────────────────────────────────────────────────────────────────────────────────

    def _note(self, student: str) -> Path:
        name = hashlib.sha256(student.encode()).hexdigest()
        return self.data_dir / _NOTES / f"{name}.json"

    def _broken_off(self, student: str) -> Scope | None:
        path = self._note(student)
        return _note_format().validate_json(path.read_bytes()) if path.is_file() else None

    # ── logs ─────────────────────────────────────────────────────────────────────────────────────

    def _log_lines(self, scope: Scope, *, write: bool) -> int:
        """How many lines of the logs name them; `write`: take these lines out."""
        return sum(
            _without(path, scope.traces, write=write)
            for folder in self.log_dirs
            for path in sorted({*folder.glob("*.log*"), *folder.glob("cron.*")})
            if path.is_file() and not path.is_symlink()
        )

    # ── the proof ────────────────────────────────────────────────────────────────────────────────

    def _named_in_files(self, words: Words) -> Iterator[Remnant]:
        """Files that still name them: all below the data folder but sound, media and database."""
        for path in sorted(self.data_dir.rglob("*")):
            is_text = not path.name.startswith((*_SOUNDS, "meeting.db"))
            if not path.is_file() or not is_text or path.parent.name == _NOTES:
                continue
            if words.found_in(path.name) or _holds(path, words):
                yield Remnant(str(path.relative_to(self.data_dir)))


def broken_off(data_dir: Path) -> int:
    """How many erasures were begun and not completed."""
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


@cache
def _note_format() -> "TypeAdapter[Scope]":
    from pydantic import TypeAdapter  # heavy; only an erasure needs it

    return TypeAdapter(Scope)
