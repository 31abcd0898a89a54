"""Damaged installations set up for the tests of repair, and the assertions about them."""

import os
import shutil
import sqlite3
import stat
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select, text

from meeting_pipeline.adapters.db.schema import REVISION, metadata
from meeting_pipeline.wiring import stores
from tests.support import invariants
from tests.support.crash_site import CrashSite, Victim
from tests.support.damaged_states import Base, Exhibit, Found, Place
from tests.support.invariants import Finding, Harm
from tests.support.night_processes import NightEnd, NightOrder

LOOKED_AT = {"env_file", "data_dir", "database", "database_schema", "damage", "erasures"}
_PASSING = {"run.lock", "meeting.db-wal", "meeting.db-shm"}  # made and emptied by who looks

Tree = dict[str, tuple[int, bytes]]
Rows = dict[str, list[Any]]


@dataclass
class Prepared:
    """A sound installation. paid: how many calls it has cost."""

    folder: Path
    rows: Rows
    paid: int


@dataclass
class Room:
    """One exhibit, and the commands that are tried on it."""

    site: CrashSite
    victim: Victim
    place: Place

    def command(self, *words: str, **changes: str) -> NightEnd:
        environment = {**self.victim.order.environment, **changes}
        return self.site.processes.run(NightOrder(self.victim.folder, environment, words))

    def checks(self) -> dict[str, bool | None]:
        """What `meeting doctor` says of files and rows, by the codes of its checks."""
        no_service = {
            "MEETING_SOURCE": "folder",
            "MEETING_FOLDER": str(self.victim.folder),
            "LLM_BACKEND": "extractive",
        }
        ended = self.command("doctor", "--json", **no_service)
        found = {check["code"]: check["ok"] for check in ended.report["checks"]}
        return {code: found[code] for code in LOOKED_AT if code in found}

    def red(self) -> set[str]:
        """Which of the checks are."""
        return {code for code, ok in self.checks().items() if ok is False}

    def repair(self, *words: str) -> NightEnd:
        return self.command("doctor", "--repair", "--json", *words)

    def tree(self) -> Tree:
        """Every file, folder and link, with its mode and content."""
        data = self.place.data
        places = {data, *data.rglob("*"), self.place.cwd / ".env", *self.place.foreign}
        names = (path for path in places if path.name not in _PASSING)
        return {str(path): _contents(path) for path in names if os.path.lexists(path)}

    def database(self) -> dict[str, bytes]:
        """The files of the embedded database, but for an index that readers make."""
        files = (self.place.data / name for name in ("meeting.db", "meeting.db-wal"))
        return {path.name: path.read_bytes() for path in files if path.is_file()}

    def changed(self) -> list[Path]:
        """Which foreign files are not what they were."""
        return [
            path
            for path, content in self.place.foreign.items()
            if not path.is_file() or path.read_bytes() != content
        ]

    def harm(self) -> list[Finding]:
        """What is wrong after one more night, but for files that are not ours to remove."""
        last = self.site.processes.run(self.victim.order)
        found = self.site.harm_after(self.victim, last)
        return [one for one in found if one.harm is not Harm.ORPHAN or not self._is_others(one)]

    def _is_others(self, finding: Finding) -> bool:
        path = self.place.data / finding.what.removesuffix(" is left over")
        is_kept = ".aside-" in path.name or path.parent.name == "backups"
        return path in self.place.foreign or path.is_symlink() or is_kept


@dataclass
class Rooms:
    """Each exhibit is set up in a copy of the installation that it begins with."""

    site: CrashSite
    _prepared: dict[Base, Prepared] = field(default_factory=dict)

    def set_up(self, exhibit: Exhibit) -> Room:
        """The damaged installation."""
        if exhibit.base not in self._prepared:
            self._prepared[exhibit.base] = self._prepare(exhibit.base)
        prepared = self._prepared[exhibit.base]
        victim = self.site.victim()
        shutil.rmtree(victim.office.folder)
        shutil.copytree(prepared.folder, victim.office.folder)
        place = Place(victim.office, victim.folder)
        if victim.office.settings.database.host:
            _put_rows(place, prepared.rows)
        exhibit.damage(place)
        if (place.data / "recordings").is_dir():  # what was paid for need not be paid again
            victim.paid_before -= prepared.paid
        return Room(self.site, victim, place)

    def _prepare(self, base: Base) -> Prepared:
        victim = self.site.victim()
        victim.office.folder.chmod(0o700)
        (victim.office.folder / "meeting.db").chmod(0o600)
        jobs = () if base is Base.FETCHED else ("--jobs", "1")
        words = (base.value, "--since", "30d", "--json", *jobs)
        order = NightOrder(victim.folder, victim.order.environment, words)
        ended = self.site.processes.run(order)
        assert ended.code == 0, ended.err
        paid = invariants.paid_calls(self.site.sandbox) - victim.paid_before
        rows = _rows_of(Place(victim.office, victim.folder))
        return Prepared(victim.office.folder, rows, paid)


def found_by(ended: NightEnd) -> Found:
    """How many findings of each kind and verdict a repair has printed."""
    said = ended.report["findings"]
    return dict(Counter((one["kind"], one["verdict"]) for one in said))


def _contents(path: Path) -> tuple[int, bytes]:
    status = path.lstat()
    if path.is_symlink():
        return status.st_mode, str(path.readlink()).encode()
    if path.name == "meeting.db":
        return status.st_mode, _rows_in(path)
    return status.st_mode, path.read_bytes() if stat.S_ISREG(status.st_mode) else b""


def _rows_in(database: Path) -> bytes:
    """Its rows, wherever they are in file and journal; its bytes where it is none."""
    with TemporaryDirectory() as folder:
        for path in database.parent.glob("meeting.db*"):
            shutil.copyfile(path, Path(folder, path.name))
        try:
            with closing(sqlite3.connect(Path(folder, database.name))) as copy:
                return "\n".join(copy.iterdump()).encode()
        except sqlite3.DatabaseError:
            return database.read_bytes()


def _rows_of(place: Place) -> Rows:
    with (
        stores.raw_database(place.office.settings) as rows,
        rows.engine.connect() as connection,
    ):
        return {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in metadata.sorted_tables
        }


def _put_rows(place: Place, content: Rows) -> None:
    with stores.raw_database(place.office.settings) as rows, rows.engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
        connection.execute(text("UPDATE alembic_version SET version_num = :now"), {"now": REVISION})
        for table in metadata.sorted_tables:
            if content[table.name]:
                connection.execute(table.insert(), content[table.name])
