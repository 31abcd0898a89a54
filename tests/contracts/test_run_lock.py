"""Row 74: one run at a time, in one installation and on one database, held by the living only."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from alembic import command

from meeting_pipeline.adapters.db import migrate
from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.db.engine import create_engine, in_transaction
from meeting_pipeline.adapters.db.run_lock import DatabaseRunLock
from meeting_pipeline.domain.lock_holder import LockHolder
from meeting_pipeline.domain.stages import Artifact, StageName
from meeting_pipeline.errors import FatalError
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.blocking_services import Hold
from tests.support.databases import clear
from tests.support.mariadb import MariaDb, running_mariadb
from tests.support.processes import Started, Starter, starting
from tests.support.rows import SETTINGS, TEACHER, meta, minutes
from tests.support.short_recordings import SHORT_IS_FINE, company

BUSY, STOPPED_EARLY = 75, 5
TEN = 10
NOW = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
WHOSE = "SELECT IS_USED_LOCK(CONCAT('meeting:', SHA1('meeting')))"
RUN = ["run", "--since", "7d", "--json"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A company without recordings whose list takes for ever, until its faults are cleared."""
    with Sandbox(company(), limits=ROOMY) as running:
        running.faults.add(Fault(Kind.STALL, "corp_records", amount=600))
        yield running


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[Starter]:
    with starting(tmp_path / "streams") as one:
        yield one


def settings(sandbox: Sandbox, data: Path, server: MariaDb | None) -> dict[str, str]:
    """The settings of an installation."""
    where = {"DB_HOST": "127.0.0.1", "DB_PORT": str(server.port)} if server else {}
    account = {"DB_USER": "root", "DB_NAME": "meeting"} if server else {}
    ours = {"DATA_DIR": str(data), "ASR_BACKEND": "openai", "DOWNLOADER": "http"}
    return {**sandbox.environment(), **SHORT_IS_FINE, **ours, **where, **account}


@pytest.mark.parametrize("engine", ["sqlite", "mariadb"])
def test_row_74_of_ten_starts_at_once_one_works_and_nine_leave_at_once_saying_who_and_since_when(
    sandbox: Sandbox,
    starter: Starter,
    tmp_path: Path,
    engine: str,
    request: pytest.FixtureRequest,
) -> None:
    server = request.getfixturevalue("mariadb") if engine == "mariadb" else None
    if server:
        clear(server)
    waiting, go = os.pipe()
    ten = []
    for number in range(TEN):
        data = tmp_path / (f"data{number}" if server else "data")
        ten.append(starter.start(RUN, settings(sandbox, data, server), after=waiting))
    os.write(go, b"!" * TEN)

    refused, winner = _nine_of(ten)

    for one in refused:
        said = one.err.read_text("utf-8")
        assert "already running: `meeting run`" in said
        assert f"(pid {winner.pid} on {os.uname().nodename}), since 20" in said
        assert json.loads(one.out.read_text("utf-8"))["exit_code"] == BUSY
    winner.send(signal.SIGKILL)
    assert winner.wait() == -signal.SIGKILL
    sandbox.faults.clear()
    after = starter.start(RUN, settings(sandbox, tmp_path / "data", server))
    assert after.wait() == 0, "the lock died with its holder"


def _nine_of(ten: list[Started]) -> tuple[list[Started], Started]:
    """Those who leave, all with code 75, while the tenth is at work; and that one."""
    left = {one.pid: one for one in ten}
    refused = []
    for _ in range(TEN - 1):
        pid, status = os.waitpid(-1, 0)
        refused.append(left.pop(pid))
        assert os.waitstatus_to_exitcode(status) == BUSY, refused[-1].err.read_text("utf-8")
    (winner,) = left.values()
    assert os.waitpid(winner.pid, os.WNOHANG) == (0, 0), "the tenth is at work"
    return refused, winner


# ── the lock on the database ─────────────────────────────────────────────────────────────────────


def a_lock(url: str, command: str = "cron") -> DatabaseRunLock:
    return DatabaseRunLock(url, LockHolder.here(command, NOW))


@pytest.fixture
def url(mariadb: MariaDb) -> str:
    return clear(mariadb)


@pytest.fixture
def held(url: str) -> Iterator[DatabaseRunLock]:
    lock = a_lock(url)
    assert lock.take()
    yield lock
    lock.close()


def end_holder(server: MariaDb) -> None:
    """End the connection that holds the lock."""
    [(number,)] = server.execute(WHOSE)
    server.execute(f"KILL {number}")


@contextmanager
def taken_by_another(server: MariaDb) -> Iterator[None]:
    """The holder's connection breaks while somebody is next in line."""
    engine = create_engine(server.url("meeting"))
    with engine.connect() as connection:
        statement = "SELECT GET_LOCK(CONCAT('meeting:', SHA1('meeting')), 60)"
        next_one = threading.Thread(target=connection.exec_driver_sql, args=[statement])
        next_one.start()
        while not any("User lock" in str(row[6]) for row in server.execute("SHOW PROCESSLIST")):
            continue
        end_holder(server)
        next_one.join()
        yield
    engine.dispose()


def test_a_second_run_is_told_who_was_first(held: DatabaseRunLock, url: str) -> None:
    second = a_lock(url, "run")
    assert not second.take()
    assert second.holder() == LockHolder.here("cron", NOW)
    second.close()


def test_what_a_killed_run_has_left_is_no_holder(
    held: DatabaseRunLock, url: str, mariadb: MariaDb
) -> None:
    with taken_by_another(mariadb):
        third = a_lock(url)
        assert not third.take()
        assert third.holder() is None, "the one that has it has not said so"
        third.close()


@pytest.mark.parametrize("revision", [None, "0001"])
def test_it_is_held_before_the_database_has_our_tables(
    mariadb: MariaDb, revision: str | None
) -> None:
    mariadb.execute("CREATE DATABASE bare")
    rows = Database(mariadb.url("bare"))
    if revision:
        in_transaction(rows.engine, lambda one: command.upgrade(migrate._config(one), revision))
    first, second = a_lock(mariadb.url("bare")), a_lock(mariadb.url("bare"))
    try:
        assert (second.is_held(), second.holder()) == (False, None)
        assert first.take()
        assert (second.take(), second.is_held()) == (False, True)
        assert second.holder() == LockHolder.here("cron", NOW)
        first.guard(rows.engine)
        assert migrate.upgrade(rows.engine).is_current
    finally:
        for opened in (first, second, rows):
            opened.close()
        mariadb.execute("DROP DATABASE bare")


def test_an_account_that_may_not_make_tables_can_be_given_the_one_of_the_lock(
    url: str, mariadb: MariaDb
) -> None:
    mariadb.execute("CREATE USER writer@'127.0.0.1'")
    mariadb.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON meeting.* TO writer@'127.0.0.1'")
    theirs = url.replace("root@", "writer@")
    try:
        refused = a_lock(theirs)
        with pytest.raises(FatalError, match="run_lock"):
            refused.take()
        refused.close()
        maker, given = a_lock(url), a_lock(theirs)
        assert maker.take()
        maker.close()
        assert given.take()
        given.close()
    finally:
        mariadb.execute("DROP USER writer@'127.0.0.1'")


def test_it_can_be_taken_as_soon_as_it_is_given_back(url: str) -> None:
    for _ in range(5):
        lock = a_lock(url)
        assert lock.take()
        lock.close()


def test_two_databases_of_one_server_do_not_disturb_each_other(
    held: DatabaseRunLock, mariadb: MariaDb
) -> None:
    other = a_lock(mariadb.url("mysql"))
    assert other.take()
    other.close()


def test_a_lock_whose_connection_broke_is_taken_again_before_the_next_row_is_written(
    held: DatabaseRunLock, url: str, mariadb: MariaDb
) -> None:
    rows = Database(url)
    held.guard(rows.engine)
    end_holder(mariadb)

    run_id = rows.runs.start("cron", None)

    assert run_id
    second = a_lock(url)
    assert not second.take(), "it is held again"
    assert second.holder() == LockHolder.here("cron", NOW)
    second.close()
    rows.close()


def test_of_many_that_write_when_the_connection_breaks_one_takes_it_again(
    held: DatabaseRunLock, url: str, mariadb: MariaDb
) -> None:
    rows = Database(url)
    held.guard(rows.engine)
    end_holder(mariadb)

    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda _: rows.runs.start("cron", None), range(32)))

    assert len(set(written)) == 32
    rows.close()


def test_a_run_that_lost_its_lock_to_another_one_writes_nothing_more(
    held: DatabaseRunLock, url: str, mariadb: MariaDb
) -> None:
    rows = Database(url)
    held.guard(rows.engine)

    with taken_by_another(mariadb):
        assert_lost(rows)
        assert mariadb.execute("SELECT COUNT(*) FROM meeting.runs") == [(0,)]
        assert rows.reading.runs(1) == (), "reading is allowed"

    assert_lost(rows)  # the other run has ended, and has changed what this one knows
    rows.close()


@pytest.mark.mariadb
def test_another_run_is_not_us_though_its_connection_has_the_number_of_ours_before_a_restart() -> (
    None
):
    with TemporaryDirectory(prefix="mdb", dir="/tmp") as folder:
        with running_mariadb(keep=Path(folder)) as server:
            server.execute("CREATE DATABASE meeting")
            url, port = server.url("meeting"), server.port
            rows, before = Database(url), a_lock(url)
            rows.make_ready()
            connect_until(url, 50)
            assert before.take()
            before.guard(rows.engine)
            [(number,)] = server.execute(WHOSE)
        with running_mariadb(f"--port={port}", keep=Path(folder)) as server:
            connect_until(url, number - 1)
            after = a_lock(url, "run")
            assert after.take()
            assert server.execute(WHOSE) == [(number,)]

            assert_lost(rows)

            assert server.execute("SELECT COUNT(*) FROM meeting.runs") == [(0,)]
            for opened in (rows, before, after):
                opened.close()


def connect_until(url: str, number: int) -> None:
    """Use up the numbers of connections up to this one."""
    engine, last = create_engine(url, pooled=False), 0
    while last < number:
        with engine.connect() as connection:
            last = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
    assert last == number
    engine.dispose()


def test_what_is_left_of_a_run_that_gave_its_lock_back_writes_nothing_more(url: str) -> None:
    lock, rows = a_lock(url), Database(url)
    assert lock.take()
    lock.guard(rows.engine)
    lock.close()
    assert_lost(rows)
    rows.close()


def assert_lost(rows: Database) -> None:
    with pytest.raises(FatalError) as lost:
        rows.runs.start("cron", None)
    assert lost.value.code == "lock_lost"


def test_a_run_that_lost_its_lock_to_another_one_ends_with_code_5_when_it_writes_next(
    sandbox: Sandbox, starter: Starter, tmp_path: Path, url: str, mariadb: MariaDb
) -> None:
    sandbox.faults.clear()
    listing = Hold(2)  # the first call asks for the time, before the run has a row
    sandbox.faults.add(Fault(Kind.STALL, "corp_records", calls=listing))
    run = starter.start(RUN, settings(sandbox, tmp_path / "data", mariadb))
    listing.wait()

    with taken_by_another(mariadb):
        listing.go()
        assert run.wait() == STOPPED_EARLY

    assert "another run took the lock" in run.err.read_text("utf-8")
    assert mariadb.execute("SELECT finished_at FROM meeting.runs") == [(None,)]


@contextmanager
def reading_of_recordings_held(server: MariaDb) -> Iterator[None]:
    """Nothing reads recordings while the block runs."""
    engine = create_engine(server.url("meeting"))
    with engine.connect() as connection:
        connection.exec_driver_sql("LOCK TABLES recordings WRITE")
        yield
        connection.exec_driver_sql("UNLOCK TABLES")
    engine.dispose()


def wait_for_a_reader(server: MariaDb) -> None:
    while not any("metadata lock" in str(row[6]) for row in server.execute("SHOW PROCESSLIST")):
        continue


@pytest.mark.parametrize(
    "words",
    [["cleanup", "--texts", "--older-than", "0d"], ["erase", "--student", "id_李雷", "--yes"]],
    ids=lambda words: words[0],
)
def test_what_removes_rows_removes_none_once_it_lost_its_lock_to_a_run(
    sandbox: Sandbox,
    starter: Starter,
    tmp_path: Path,
    url: str,
    mariadb: MariaDb,
    words: list[str],
) -> None:
    rows = Database(url, [TEACHER], lambda: NOW)
    rows.recordings.upsert([meta()])
    number = rows.recordings.due_among([meta()])[0].id
    rows.recordings.begin_stage(number, StageName.TRANSCRIBE, SETTINGS)
    text = Artifact("transcript.json", 2, "0" * 64)
    rows.recordings.end_stage(number, StageName.TRANSCRIBE, text)
    rows.recordings.save(number, minutes())
    rows.recordings.finish(number, SETTINGS)
    rows.close()

    with ExitStack() as another_run:
        with reading_of_recordings_held(mariadb):
            command = starter.start(words, settings(sandbox, tmp_path / "data", mariadb))
            wait_for_a_reader(mariadb)
            another_run.enter_context(taken_by_another(mariadb))
        assert command.wait() == STOPPED_EARLY

    assert "lock_lost" in command.err.read_text("utf-8")
    assert mariadb.execute("SELECT text FROM meeting.transcript_segments") != []
