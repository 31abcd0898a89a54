"""Row 74: one run at a time, in one installation and on one database, held by the living only."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.db.engine import create_engine
from meeting_pipeline.adapters.db.run_lock import DatabaseRunLock
from meeting_pipeline.domain.lock_holder import Holder
from meeting_pipeline.errors import FatalError
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.databases import clear
from tests.support.lessons import SHORT_IS_FINE, company
from tests.support.mariadb import MariaDb
from tests.support.processes import Started, Starter, starting

BUSY, STOPPED_EARLY = 75, 5
TEN = 10
NOW = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
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
    return DatabaseRunLock(url, Holder.here(command, NOW))


@pytest.fixture
def url(mariadb: MariaDb) -> str:
    return clear(mariadb)


@pytest.fixture
def held(url: str) -> Iterator[DatabaseRunLock]:
    lock = a_lock(url)
    assert lock.take()
    yield lock
    lock.close()


def kill(server: MariaDb, which: str) -> None:
    """End the connection that holds the lock, or the statement of its herald."""
    if which == "holder":
        [(number,)] = server.execute("SELECT IS_USED_LOCK(CONCAT('meeting:', SHA1('meeting')))")
        server.execute(f"KILL {number}")
        return
    for row in server.execute("SHOW FULL PROCESSLIST"):
        if "meeting run lock" in str(row[7]):
            server.execute(f"KILL QUERY {row[0]}")


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
        kill(server, "holder")
        next_one.join()
        yield
    engine.dispose()


def test_whoever_comes_second_is_told_who_was_first(held: DatabaseRunLock, url: str) -> None:
    second = a_lock(url, "run")
    assert not second.take()
    told = None
    while told is None:  # the herald speaks a moment after the lock is taken
        told = second.holder()
    assert told == Holder.here("cron", NOW)
    second.close()


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
    kill(mariadb, "holder")

    run_id = rows.runs.start("cron", None)

    assert run_id
    assert not a_lock(url).take(), "it is held again"
    rows.close()


def test_a_run_that_lost_its_lock_to_another_one_writes_nothing_more(
    held: DatabaseRunLock, url: str, mariadb: MariaDb
) -> None:
    told = threading.Event()
    held.on_lost = told.set
    rows = Database(url)
    held.guard(rows.engine)

    with taken_by_another(mariadb):
        for _ in range(2):
            with pytest.raises(FatalError) as lost:
                rows.runs.start("cron", None)
            assert lost.value.code == "lock_lost"

        assert mariadb.execute("SELECT COUNT(*) FROM meeting.runs") == [(0,)]
        assert rows.reading.runs(1) == (), "reading is allowed"
        kill(mariadb, "herald")
        assert told.wait(60)
    rows.close()


def test_a_run_that_lost_its_lock_to_another_one_ends_soon_with_code_5(
    sandbox: Sandbox, starter: Starter, tmp_path: Path, url: str, mariadb: MariaDb
) -> None:
    run = starter.start(RUN, settings(sandbox, tmp_path / "data", mariadb))
    run.says("listing")

    with taken_by_another(mariadb):
        kill(mariadb, "herald")
        assert run.wait() == STOPPED_EARLY

    assert "another run began" in run.err.read_text("utf-8")
    assert mariadb.execute("SELECT finished_at FROM meeting.runs") == [(None,)]
