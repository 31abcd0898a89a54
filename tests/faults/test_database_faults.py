"""Rows 67 to 73: whole nights whose database hangs up, restarts, waits, refuses or is full."""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from threading import get_ident

import pytest
from sqlalchemy import Connection, Engine, event

from meeting_pipeline import exit_codes
from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.db.schema import metadata
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.stages import Outcome, RecordStatus
from meeting_pipeline.errors import FatalError
from meeting_pipeline.ports.media import ExtractedAudio, MediaInfo
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.ports.sources import MediaLink
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.blocking_services import Hold
from tests.support.canaries import ACCOUNT, at, make_account
from tests.support.databases import clear
from tests.support.disks import fill, small_disk
from tests.support.fakes import FakeMedia, FakeSource, meta
from tests.support.fault_table import ALL, PARTS
from tests.support.mariadb import MariaDb, running_mariadb
from tests.support.nights import Installation
from tests.support.processes import Starter
from tests.support.rows import meta as row_meta
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import BURSTS

RUN = ["run", "--since", "7d", "--json"]
OF_LESSON = {(0, place): 1 for place in BURSTS}


def as_user(office: Office, name: str) -> Office:
    return replace(office, changes={**office.changes, "DB_USER": name})


def assert_done_once(office: Office) -> None:
    assert office.only().status is RecordStatus.DONE
    assert office.sandbox.ledger.bursts == OF_LESSON


# ── connections ──────────────────────────────────────────────────────────────────────────────────


@dataclass
class Killer:
    """Kills the connection right before the n-th statement or commit of our engines."""

    mariadb: MariaDb
    number: int
    seen: int = 0

    def note(self, connection: Connection) -> None:
        if connection.engine.url.database != "meeting":
            return
        self.seen += 1
        if self.seen == self.number:
            link = connection.connection.dbapi_connection
            self.mariadb.execute(f"KILL {link.thread_id()}")  # type: ignore[union-attr]  # PyMySQL's

    @contextmanager
    def at_work(self) -> Iterator[None]:
        def before_statement(connection: Connection, *details: object) -> None:
            self.note(connection)

        event.listen(Engine, "before_cursor_execute", before_statement)
        event.listen(Engine, "commit", self.note)
        try:
            yield
        finally:
            event.remove(Engine, "before_cursor_execute", before_statement)
            event.remove(Engine, "commit", self.note)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(PARTS))
def test_row_67_a_night_whose_connection_is_killed_at_any_statement_is_as_any_other(
    part: int, served: Office, mariadb: MariaDb
) -> None:
    """Before the 1st, the 2nd, … statement or commit, until a night comes through."""
    nights = 0
    for number in count(1 + part, 2 * PARTS if ALL else 48):
        clear(mariadb)
        one = replace(served, folder=served.folder / str(number))
        killer = Killer(mariadb, number)
        with killer.at_work():
            report = one.night()
        nights += 1
        assert (report.exit_code, report.count(Outcome.DONE)) == (0, 1), number
        assert one.only().status is RecordStatus.DONE, number
        assert one.sandbox.ledger.bursts == dict.fromkeys(OF_LESSON, nights), number
        if killer.seen < number:
            break
    assert nights > 3


@pytest.fixture
def restartable() -> Iterator[Path]:
    """Where a server's files stay between its starts."""
    folder = Path(tempfile.mkdtemp(prefix="mdb", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def test_row_67_a_server_that_is_restarted_in_the_middle_costs_nothing(
    office: Office, sandbox: Sandbox, starter: Starter, restartable: Path
) -> None:
    hold = Hold()
    sandbox.faults.add(Fault(Kind.STALL, "transcriptions", calls=hold))
    with running_mariadb(keep=restartable) as server:
        server.execute("CREATE DATABASE meeting")
        make_account(server, ACCOUNT)
        settings, port = at(server), server.port
        served = replace(office, changes={**office.changes, **settings})
        run = starter.start(RUN, served.environment)
        hold.wait()
    with running_mariadb(f"--port={port}", keep=restartable):
        hold.go()
        assert run.wait() == exit_codes.OK, run.err.read_text("utf-8")
        assert_done_once(served)


def ours(mariadb: MariaDb) -> int:
    """How many connections there are to our database, without the one that keeps the run lock."""
    [(number,)] = mariadb.execute(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE db = 'meeting' AND "
        "id NOT IN (SELECT COALESCE(IS_USED_LOCK(CONCAT('meeting:', SHA1('meeting'))), 0))"
    )
    return int(number)


def test_row_68_a_call_longer_than_wait_timeout_costs_nothing(
    served: Office, sandbox: Sandbox, starter: Starter, mariadb: MariaDb
) -> None:
    hold = Hold()
    sandbox.faults.add(Fault(Kind.STALL, "transcriptions", calls=hold))
    mariadb.execute("SET GLOBAL wait_timeout = 1")
    try:
        run = starter.start(RUN, served.environment)
        hold.wait()
        assert mariadb.execute("SELECT * FROM information_schema.innodb_trx") == []
        give_up = time.monotonic() + 60
        while ours(mariadb) and time.monotonic() < give_up:
            time.sleep(0.05)  # the server hangs up, and nobody is told of it
        assert ours(mariadb) == 0
        hold.go()
        assert run.wait() == exit_codes.OK, run.err.read_text("utf-8")
    finally:
        mariadb.execute("SET GLOBAL wait_timeout = 28800")
    assert_done_once(served)


@dataclass
class Looks(FakeMedia):
    """Notes how many connections the thread has that asks somebody outside."""

    held: Counter[int] = field(default_factory=Counter)
    seen: list[int] = field(default_factory=list)

    def watch(self, rows: Database) -> None:
        event.listen(rows.engine, "checkout", lambda *_: self.held.update([get_ident()]))
        event.listen(rows.engine, "checkin", lambda *_: self.held.subtract([get_ident()]))

    def look(self, context: StageContext | None = None) -> None:
        self.seen.append(self.held[get_ident()])

    def probe(self, media: Path) -> MediaInfo:
        self.look()
        return super().probe(media)

    def extract(
        self,
        media: Path,
        target: Path,
        audio_format: str,
        progress: Progress,
        accept_damage: bool = False,
    ) -> ExtractedAudio:
        self.look()
        return super().extract(media, target, audio_format, progress, accept_damage)


@dataclass
class Served(Installation):
    """An installation with its rows at an address."""

    url: str = ""
    media: Looks = field(default_factory=Looks)

    def rows(self) -> Database:
        rows = Database(self.url, self.teachers, lambda: self.now)
        self.media.watch(rows)
        return rows


def test_row_68_no_connection_is_held_while_somebody_outside_is_asked(
    mariadb: MariaDb, tmp_path: Path
) -> None:
    installation = Served(tmp_path, [meta(number) for number in range(3)], url=clear(mariadb))
    looks = installation.media

    def watched(source: FakeSource) -> None:
        locate = source.locate

        def looking(meta: RecordMeta) -> MediaLink:
            looks.look()
            return locate(meta)

        source.locate = looking  # type: ignore[method-assign]

    installation.change_source = watched
    installation.transcriber.trouble = looks.look
    installation.summarizer.trouble = looks.look

    assert installation.run().count(Outcome.DONE) == 3

    assert len(looks.seen) >= 3 * 5
    assert set(looks.seen) == {0}
    assert looks.held, "the watch sees connections"


# ── a server that refuses ────────────────────────────────────────────────────────────────────────


def test_row_73_a_server_that_becomes_read_only_ends_the_run_and_nothing_is_paid_twice(
    served: Office, sandbox: Sandbox, starter: Starter, mariadb: MariaDb
) -> None:
    make_account(mariadb, "plain")
    plain = as_user(served, "plain")
    hold = Hold()
    sandbox.faults.add(Fault(Kind.STALL, "transcriptions", calls=hold))
    run = starter.start(RUN, plain.environment)
    hold.wait()
    mariadb.execute("SET GLOBAL read_only = 1")
    try:
        hold.go()
        assert run.wait() == exit_codes.STOPPED_EARLY
    finally:
        mariadb.execute("SET GLOBAL read_only = 0")
    assert run.report["stopped_by"] == "database_gone"
    assert run.report["failed"] == 0

    assert plain.night().exit_code == exit_codes.OK
    assert_done_once(plain)


def test_row_73_a_server_without_a_connection_left_ends_the_run(
    served: Office, starter: Starter, mariadb: MariaDb
) -> None:
    make_account(mariadb, "few", "WITH MAX_USER_CONNECTIONS 1")
    run = starter.start(RUN, as_user(served, "few").environment)
    assert run.wait() == exit_codes.STOPPED_EARLY
    assert served.night().exit_code == exit_codes.OK
    assert_done_once(served)


def test_row_73_a_full_disk_under_the_server_is_called_so_and_passes(mariadb: MariaDb) -> None:
    """A little at a time: a server that has no room to undo what was much ends itself (2013)."""
    pages = [
        [row_meta(first + number, subject="课" * 200) for number in range(20)]
        for first in range(0, 4000, 20)
    ]
    mariadb.execute("CREATE DATABASE full")
    with small_disk(mariadb.socket.parent / "d" / "full", "24m") as disk:
        rows = Database(mariadb.url("full"))
        rows.make_ready()
        ballast = fill(disk, leave=1 << 20)
        with pytest.raises(FatalError) as trouble:
            for page in pages:
                rows.recordings.upsert(page)
        assert trouble.value.code == "disk_full", str(trouble.value)
        ballast.unlink()
        for page in pages:
            rows.recordings.upsert(page)
        assert sum(rows.reading.counts().values()) == 4000
        metadata.drop_all(rows.engine)
        mariadb.execute("DROP TABLE full.alembic_version")
        rows.close()
    mariadb.execute("DROP DATABASE full")


@pytest.mark.parametrize(("revision", "words"), [("0001", "meeting db upgrade"), ("9999", "9999")])
def test_row_72_tables_of_another_version_let_no_run_begin(
    office: Office, sandbox: Sandbox, starter: Starter, revision: str, words: str
) -> None:
    with office.database() as rows, rows.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
    calls = sum(sandbox.ledger.calls.values())
    run = starter.start(RUN, office.environment)
    assert run.wait() == exit_codes.CONFIG
    assert words in run.err.read_text("utf-8")
    assert sum(sandbox.ledger.calls.values()) == calls
