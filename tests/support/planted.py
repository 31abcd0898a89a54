"""Bugs to plant into a copy of the package, to see whether the fault tests find them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.invariants import Harm
from tests.support.night_processes import NightProcesses, night_processes

HERE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Patch:
    """In this file of the package, `old` (which is there exactly once) becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Bug:
    """harms: each of them shows that it was found."""

    name: str
    harms: frozenset[Harm]
    patches: tuple[Patch, ...]


_NO_SYNC = Patch("files.py", "        os.fsync(descriptor)\n", "        pass\n")
_NO_SYNC_OF_ANSWERS = Patch("files.py", "        os.fsync(stream.fileno())\n", "        pass\n")
_NO_SYNC_OF_FOLDERS = Patch("files.py", "        sync(folder.parent)\n", "        pass\n")
_BY_NAME = Patch(
    "files.py", "            and sha256_of(path) == artifact.sha256\n", "            and True\n"
)
_BY_NAME_AND_NO_SIZE = Patch(
    "files.py", "            and path.stat().st_size == artifact.size_bytes\n", ""
)
_TAKES_WHAT_IS_THERE = Patch(
    "stages/download.py",
    "            try:\n                self._downloader.fetch(link, part, job.progress)\n",
    "            if part.exists() and part.stat().st_size:\n"
    "                return link\n"
    "            try:\n                self._downloader.fetch(link, part, job.progress)\n",
)
_COUNTS_WHEN_STORED = Patch(
    "adapters/db/recordings.py",
    "            mark_stale(connection, _students(connection, recording_id))\n",
    "            from meeting_pipeline.adapters.db import stats\n"
    "            students = _students(connection, recording_id)\n"
    "            query = stats._counted().where(attendance.c.person.in_(students))\n"
    "            true, stored = stats._recomputed(connection, query), stats._stored(connection)\n"
    "            for name, row in true.items():\n"
    "                before = stored[name].record_cnt if name in stored else 0\n"
    "                counted = {**vars(row), 'record_cnt': before + 1, 'updated_at': now}\n"
    "                stats.upsert(connection, stats.student_stats, [counted], ['student_id'])\n",
)
_COUNTS_NO_MORE = Patch(
    "adapters/db/stats.py",
    "        _recompute(connection, chunk, now)\n",
    "        connection.execute(delete(stale_students))\n",
)
_SAYS_THE_LINK = Patch(
    "stages/download.py",
    "            part = job.folder.part(f",
    '            log.error("fetching %s", link.url)\n            part = job.folder.part(f',
)
_NO_REDACTION = Patch(
    "logs.py",
    "        return self._redaction.redact(super().format(record))\n",
    "        return super().format(record)\n",
)
_NO_KEY = Patch(
    "adapters/db/migrations/versions/0001_first_tables.py",
    '        sa.UniqueConstraint("source", "record_id", name="recordings_key"),\n',
    "",
)
_NO_UPSERT = Patch(
    "adapters/db/writing.py",
    "        connection.execute(statement, list(rows))\n",
    '        if table.name == "recordings":\n'
    "            statement = table.insert()\n"
    "        connection.execute(statement, list(rows))\n",
)

POWER_BUGS = (
    Bug(
        "files are not synced",
        frozenset({Harm.TORN, Harm.PAID_TWICE}),
        (_NO_SYNC, _NO_SYNC_OF_ANSWERS),
    ),
    Bug(
        "the folders of files are not synced",
        frozenset({Harm.LOST, Harm.PAID_TWICE}),
        (_NO_SYNC_OF_FOLDERS,),
    ),
    Bug(
        "files are not synced, and trusted by their names",
        frozenset({Harm.LOST, Harm.TORN}),
        (_NO_SYNC, _BY_NAME, _BY_NAME_AND_NO_SIZE),
    ),
    Bug(
        "a download that is there is not asked for its size",
        frozenset({Harm.LOST, Harm.TORN}),
        (_TAKES_WHAT_IS_THERE,),
    ),
)
COUNTING = Bug(
    "one is added instead of counting anew",
    frozenset({Harm.DUPLICATE}),
    (_COUNTS_WHEN_STORED, _COUNTS_NO_MORE),
)
TALKING = Bug(
    "the signed link is logged", frozenset({Harm.SECRET}), (_SAYS_THE_LINK, _NO_REDACTION)
)
KEYLESS = Bug("recordings have no unique key", frozenset({Harm.DUPLICATE}), (_NO_KEY, _NO_UPSERT))


@contextmanager
def planted(bug: Bug, folder: Path) -> Iterator[NightProcesses]:
    """Nights of a copy of the package that has this bug."""
    package = folder / "planted" / "meeting_pipeline"
    shutil.copytree(HERE / package.name, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(HERE / "sql", package / "sql")
    for patch in bug.patches:
        path = package / patch.file
        text = path.read_text("utf-8")
        assert text.count(patch.old) == 1, f"{patch.file} has changed: {patch.old!r}"
        path.write_text(text.replace(patch.old, patch.new), "utf-8")
    with night_processes(package.parent) as processes:
        yield processes
