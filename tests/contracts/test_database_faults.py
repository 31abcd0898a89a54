"""A database that hangs up, waits, refuses or is gone."""

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Connection, event, text

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.db.engine import create_engine, in_transaction
from meeting_pipeline.domain.stages import (
    Artifact,
    RecordStatus,
    StageName,
    StageStatus,
)
from meeting_pipeline.domain.views import RecordingDetail
from meeting_pipeline.errors import ConfigError, FatalError, RecordError
from meeting_pipeline.ports.rows import StageFailure
from tests.support.databases import clear
from tests.support.mariadb import MariaDb
from tests.support.rows import SETTINGS, TEACHER, Clock, meta, minutes, stay

LISTING = [meta(1), meta(2), meta(3, participants=None)]


@pytest.fixture
def url(mariadb: MariaDb) -> str:
    """The shared MariaDB database, without rows."""
    return clear(mariadb)


@pytest.fixture
def rows(url: str, clock: Clock) -> Database:
    return Database(url, [TEACHER], clock)


def work_through(rows: Database) -> tuple[RecordingDetail | None, list[object]]:
    """Everything a record meets, once; returns what can be seen of it."""
    rows.recordings.upsert(LISTING)
    [record, *_] = rows.recordings.due(None, SETTINGS, None)
    rows.recordings.begin_stage(record.id, StageName.DOWNLOAD, "f")
    rows.recordings.end_stage(record.id, StageName.DOWNLOAD, Artifact("a.m4a", 1, "b"))
    rows.recordings.save(record.id, minutes())
    rows.recordings.finish(record.id, SETTINGS)
    rows.recordings.upsert([meta(1, participants=(stay("韩梅梅"), stay("王老师")))])
    failure = StageFailure(StageName.DOWNLOAD, StageStatus.FAILED, "x", "y")
    rows.recordings.set_back(record.id + 1, failure, RecordStatus.FAILED)
    rows.stats.refresh()
    return rows.reading.show(record.id), [rows.stats.differences(), rows.reading.counts()]


def kill_at(rows: Database, mariadb: MariaDb, n: int) -> list[int]:
    """Kill the connection right before the n-th statement or commit; lists the kills."""
    kills: list[int] = []
    seen = [0]

    def count(connection_id: int) -> None:
        seen[0] += 1
        if seen[0] == n:
            kills.append(connection_id)
            mariadb.execute(f"KILL {connection_id}")

    def on_statement(connection: object, cursor: object, *details: object) -> None:
        count(cursor.connection.thread_id())  # type: ignore[attr-defined]  # PyMySQL's cursor

    event.listen(rows.engine, "before_cursor_execute", on_statement)
    event.listen(
        rows.engine,
        "commit",
        lambda connection: count(connection.connection.dbapi_connection.thread_id()),
    )
    return kills


def test_row_67_a_connection_killed_at_any_statement_changes_nothing_in_the_end(
    mariadb: MariaDb, url: str, clock: Clock
) -> None:
    """Killed before the 1st, the 2nd, … statement or commit, until a whole pass comes through."""
    undisturbed = Database(url, [TEACHER], clock)
    detail, expected = work_through(undisturbed)
    undisturbed.close()
    assert detail is not None
    n = 0
    while True:
        n += 1
        rows = Database(clear(mariadb), [TEACHER], clock)
        kills = kill_at(rows, mariadb, n)
        shown, seen = work_through(rows)
        rows.close()
        assert seen == expected
        assert shown is not None
        assert shown.transcript == detail.transcript
        assert shown.attendance == detail.attendance
        assert shown.recording.stages == detail.recording.stages
        if not kills:
            break
    assert n > 30


def test_row_67_a_connection_that_was_killed_while_idle_is_replaced(
    mariadb: MariaDb, rows: Database
) -> None:
    rows.recordings.upsert(LISTING)
    for (number,) in mariadb.execute(
        "SELECT id FROM information_schema.processlist WHERE db = 'meeting'"
    ):
        mariadb.execute(f"KILL {number}")
    assert rows.recordings.upsert(LISTING).known == len(LISTING)
    rows.close()


def test_row_67_a_server_that_is_gone_ends_the_run(mariadb: MariaDb, url: str) -> None:
    gone = Database(url.replace(f":{mariadb.port}/", ":1/"))
    with pytest.raises(FatalError) as trouble:
        gone.recordings.upsert(LISTING)
    assert trouble.value.code == "database_gone"


def test_row_73_a_read_only_server_ends_the_run(mariadb: MariaDb, rows: Database) -> None:
    mariadb.execute("CREATE USER IF NOT EXISTS plain@'127.0.0.1'")
    mariadb.execute("GRANT ALL ON meeting.* TO plain@'127.0.0.1'")
    mariadb.execute("SET GLOBAL read_only = 1")
    plain = Database(mariadb.url("meeting").replace("root@", "plain@"))
    try:
        with pytest.raises(FatalError) as trouble:
            plain.recordings.upsert(LISTING)
    finally:
        mariadb.execute("SET GLOBAL read_only = 0")
        plain.close()
    assert trouble.value.code == "database_gone"


def test_row_73_too_many_connections_end_the_run(mariadb: MariaDb) -> None:
    mariadb.execute("CREATE USER IF NOT EXISTS one@'127.0.0.1' WITH MAX_USER_CONNECTIONS 1")
    mariadb.execute("GRANT ALL ON meeting.* TO one@'127.0.0.1'")
    url = mariadb.url("meeting").replace("root@", "one@")
    first, second = Database(url), Database(url)
    with first.engine.connect() as taken:
        taken.execute(text("SELECT 1"))
        with pytest.raises(FatalError) as trouble:
            second.recordings.upsert(LISTING)
    first.close()
    assert trouble.value.code == "database_gone"


@pytest.mark.parametrize("change", [("root@", "nobody:geheim@"), ("/meeting?", "/nothing?")])
def test_a_wrong_login_or_name_is_a_setting_to_mend(
    mariadb: MariaDb, change: tuple[str, str]
) -> None:
    wrong = Database(mariadb.url("meeting").replace(*change))
    with pytest.raises(ConfigError) as refusal:
        wrong.recordings.upsert(LISTING)
    assert refusal.value.code == "database_refused"
    assert "geheim" not in str(refusal.value)


def test_row_70_a_text_beyond_the_servers_packet_is_the_records_trouble(rows: Database) -> None:
    rows.recordings.upsert([meta(1)])
    [record] = rows.recordings.due(None, SETTINGS, None)
    with pytest.raises(RecordError) as refusal:
        rows.recordings.save(record.id, minutes(text="很" * 6_000_000))
    assert refusal.value.code == "too_large"
    detail = rows.reading.show(record.id)
    assert detail is not None
    assert detail.transcript is None
    rows.close()


def test_row_71_every_session_is_strict_and_in_utc(rows: Database) -> None:
    with rows.engine.connect() as connection:
        row = connection.execute(
            text("SELECT @@sql_mode, @@time_zone, @@collation_connection, @@tx_isolation")
        ).one()
    assert "STRICT_ALL_TABLES" in row[0]
    assert tuple(row)[1:] == ("+00:00", "utf8mb4_unicode_ci", "READ-COMMITTED")
    rows.close()


def test_row_69_two_who_list_the_same_at_once_make_each_row_once(
    database: Database, database_url: str, clock: Clock
) -> None:
    other = Database(database_url, [TEACHER], clock)
    metas = [meta(number) for number in range(40)]
    changed = [meta(number, subject="改了", participants=()) for number in range(40)]
    with ThreadPoolExecutor(2) as threads:
        for ours, theirs in ((metas, metas[::-1]), (changed, metas), (metas[::-1], changed)):
            calls = [
                threads.submit(database.recordings.upsert, ours),
                threads.submit(other.recordings.upsert, theirs),
            ]
            for call in calls:
                call.result()
    assert sum(database.reading.counts().values()) == len(metas)
    other.close()


def deadlocks(mariadb: MariaDb) -> int:
    [(_, number)] = mariadb.execute("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")
    return int(number)


def test_row_69_eight_who_write_the_same_rows_in_any_order_wait_in_no_circle(
    mariadb: MariaDb, url: str, clock: Clock, chance: Random
) -> None:
    """Every batch is one transaction over rows that the others write, too, and is sorted first."""
    before, writers = deadlocks(mariadb), 8
    metas = [meta(number) for number in range(60)]
    open_databases = [Database(url, [TEACHER], clock) for _ in range(writers)]
    open_databases[0].recordings.upsert(metas)
    numbers = [one.id for one in open_databases[0].recordings.due(None, SETTINGS, None)]

    draws = [Random(chance.random()) for _ in range(writers)]

    def write(writer: int) -> None:
        drawn, rows = draws[writer], open_databases[writer]
        for turn in range(12):
            batch = [
                replace(one, subject=f"{writer} {turn}", participants=(stay(f"{writer}"),))
                for one in drawn.sample(metas, 40)
            ]
            rows.recordings.upsert(batch)
            rows.recordings.save(drawn.choice(numbers), minutes())

    with ThreadPoolExecutor(writers) as threads:
        list(threads.map(write, range(writers)))
    assert deadlocks(mariadb) == before
    assert sum(open_databases[0].reading.counts().values()) == len(metas)
    open_databases[0].stats.refresh()
    assert open_databases[0].stats.differences() == []
    for rows in open_databases:
        rows.close()


def test_row_69_who_waited_too_long_for_a_lock_begins_anew_from_its_first_statement(
    mariadb: MariaDb, rows: Database
) -> None:
    """MySQL undoes only the last statement then (1205); the rest of it must not stay."""
    mariadb.execute("SET GLOBAL innodb_lock_wait_timeout = 1")
    rows.recordings.upsert([meta(1), meta(2)])
    [first, second] = rows.recordings.due(None, SETTINGS, None)
    holder = create_engine(mariadb.url("meeting"), pooled=False)
    begun: list[int] = []
    with holder.connect() as blocker:
        blocker.execute(
            text("SELECT * FROM recordings WHERE id = :id FOR UPDATE"), {"id": second.id}
        )

        def let_go(context: object) -> None:
            blocker.rollback()

        event.listen(rows.engine, "handle_error", let_go)

        def work(connection: Connection) -> None:
            begun.append(first.id)
            for record in (first, second):
                change = text("UPDATE recordings SET size_bytes = size_bytes + 1 WHERE id = :id")
                connection.execute(change, {"id": record.id})

        in_transaction(rows.engine, work)
    mariadb.execute("SET GLOBAL innodb_lock_wait_timeout = 50")
    assert len(begun) == 2
    sizes = mariadb.execute("SELECT size_bytes FROM meeting.recordings")
    assert sizes == [((3 << 30) + 1,)] * 2
    holder.dispose()
    rows.close()


def test_row_71_a_server_that_is_not_strict_is_so_with_us(mariadb: MariaDb, clock: Clock) -> None:
    before = mariadb.execute("SELECT @@GLOBAL.sql_mode")[0][0]
    mariadb.execute("SET GLOBAL sql_mode = ''")
    rows = Database(clear(mariadb), [TEACHER], clock)
    try:
        rows.recordings.upsert([meta(1)])
        with pytest.raises(RecordError) as refusal:
            too_long = text("UPDATE recordings SET phase = 'no such phase'")
            in_transaction(rows.engine, lambda connection: connection.execute(too_long))
        assert refusal.value.code == "not_storable"
    finally:
        mariadb.execute(f"SET GLOBAL sql_mode = '{before}'")
        rows.close()


def test_row_71_emoji_come_back_from_title_transcript_and_summary(database: Database) -> None:
    family = "👩‍👩‍👧‍👦🚀𠮷"
    database.recordings.upsert([meta(1, subject=f"简历{family}")])
    [record] = database.recordings.due(None, SETTINGS, None)
    told = minutes(text=family)
    told = replace(told, summary=replace(told.summary, title=family, abstract=family * 30))
    database.recordings.save(record.id, told)
    detail = database.reading.show(record.id)
    assert detail is not None
    assert detail.recording.subject == f"简历{family}"
    assert (detail.transcript, detail.summary) == (told.transcript, told.summary)
    with database.engine.connect() as connection:
        [texts] = connection.execute(text("SELECT transcript, summary FROM recordings")).all()
    assert all(family in one for one in texts)


def test_sqlite_waits_for_another_writer(tmp_path: Path, clock: Clock) -> None:
    address = f"sqlite:///{tmp_path / 'meeting.db'}"
    rows, other = Database(address, (), clock), create_engine(address)
    rows.make_ready()
    with ThreadPoolExecutor(1) as threads, other.begin() as connection:
        connection.execute(text("DELETE FROM recordings"))
        waiting = threads.submit(rows.recordings.upsert, LISTING)
        assert not waiting.done()
        connection.commit()
        assert waiting.result().new == len(LISTING)
    rows.close()


def test_the_sqlite_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "数据" / "meeting.db"
    rows = Database(f"sqlite:///{path}")
    rows.make_ready()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    rows.close()


def test_a_file_that_is_no_database_ends_the_run(tmp_path: Path) -> None:
    path = tmp_path / "meeting.db"
    path.write_bytes(b"this is no database, but a text that is long enough to be one" * 20)
    with pytest.raises(FatalError) as trouble:
        Database(f"sqlite:///{path}").make_ready()
    assert trouble.value.code == "database_damaged"


def test_row_73_a_full_sqlite_disk_ends_the_run(tmp_path: Path, clock: Clock) -> None:
    rows = Database(f"sqlite:///{tmp_path / 'meeting.db'}", (), clock)
    rows.make_ready()

    def limit(connection: object, record: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # type: ignore[attr-defined]  # sqlite3's

    rows.close()
    event.listen(rows.engine, "connect", limit)
    with pytest.raises(FatalError) as trouble:
        rows.recordings.upsert([meta(number) for number in range(2000)])
    assert trouble.value.code == "disk_full"
    rows.close()


@pytest.mark.parametrize("url", ["postgresql://x/y", "nothing", "sqlite"])
def test_another_kind_of_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        create_engine(url)
    assert refusal.value.code == "database_url"
