"""`sql/`, the revisions, the table objects and a database are one schema."""

import json
import re
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, text

from meeting_pipeline.adapters.db import migrate, schema
from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.db.engine import create_engine, in_transaction
from meeting_pipeline.adapters.db.mapping import attendance_row, row_of
from meeting_pipeline.adapters.db.schema import metadata
from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.domain.students import attendance_of
from meeting_pipeline.domain.views import RecordingFilter
from meeting_pipeline.errors import ConfigError, RecordError
from tests.support.databases import before_each_statement
from tests.support.mariadb import MariaDb
from tests.support.rows import Clock, meta, minutes

SQL = Path(__file__).parents[2] / "sql"
_COUNTER = re.compile(r" AUTO_INCREMENT=\d+")  # of rows that were there, not of the table
_OUTER_COMMA = re.compile(r",(?![^()]*\))")
FILES = {"mysql": SQL / "init.sql", "sqlite": SQL / "init.sqlite.sql"}


def tables(engine: Engine) -> dict[str, set[str]]:
    """What the database itself says of each table: its definition, line by line."""
    if engine.dialect.name == "mysql":
        with engine.connect() as connection:
            names = connection.execute(text("SHOW TABLES")).scalars().all()
            created = {
                name: connection.execute(text(f"SHOW CREATE TABLE `{name}`")).one()[1]
                for name in names
            }
        return {
            name: {_COUNTER.sub("", line).rstrip(",") for line in sql.splitlines()}
            for name, sql in created.items()
        }
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT tbl_name, sql FROM sqlite_master")).all()
    found: dict[str, set[str]] = {}
    for name, sql in rows:
        found.setdefault(name, set()).update(_items(" ".join((sql or "").split())))
    return found


def _items(definition: str) -> set[str]:
    """What stands between the outer brackets, piece by piece: ALTER TABLE adds at the end."""
    head, _, rest = definition.partition("(")
    body, _, tail = rest.rpartition(")")
    return {head, tail, *(piece.strip() for piece in _OUTER_COMMA.split(body))}


def load(url: str, mariadb: Callable[[], MariaDb]) -> None:
    """Load the committed file as its header says."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            connection.executescript(FILES["sqlite"].read_text())
        return
    name = url.rpartition("/")[2].partition("?")[0]
    with FILES["mysql"].open("rb") as script:
        client = ["mariadb", "--no-defaults", "-uroot", f"-S{mariadb().socket}", name]
        subprocess.run(client, stdin=script, check=True)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Callable[[], MariaDb]:
    return lambda: request.getfixturevalue("mariadb")


@pytest.mark.parametrize("dialect", migrate.DIALECTS)
def test_the_committed_file_is_what_the_revisions_make(dialect: str) -> None:
    assert FILES[dialect].read_text() == migrate.dump_sql(dialect), (
        f"run `meeting db dump-sql {dialect}` and commit the result"
    )


@pytest.mark.parametrize("dialect", migrate.DIALECTS)
def test_the_committed_file_is_made_to_be_read(dialect: str) -> None:
    lines = FILES[dialect].read_text().splitlines()
    assert lines[0].startswith("-- The tables of meeting")
    assert max(len(line) for line in lines) < 130
    assert any("简历优化" in line for line in lines)


def test_loaded_by_hand_or_migrated_it_is_the_same_and_ours(
    empty_url: str, database_url: str, server: Callable[[], MariaDb]
) -> None:
    load(empty_url, server)
    loaded, migrated = create_engine(empty_url), create_engine(database_url)
    assert tables(loaded) == tables(migrated)
    for engine in (loaded, migrated):
        assert migrate.is_current(engine)
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
        engine.dispose()


def test_the_table_objects_make_the_same_tables(empty_url: str, database_url: str) -> None:
    made, migrated = create_engine(empty_url), create_engine(database_url)
    metadata.create_all(made)
    ours = tables(migrated)
    del ours["alembic_version"]
    assert tables(made) == ours
    for engine in (made, migrated):
        engine.dispose()


def test_loading_the_file_and_upgrading_then_changes_nothing(
    empty_url: str, server: Callable[[], MariaDb]
) -> None:
    load(empty_url, server)
    engine = create_engine(empty_url)
    before = tables(engine)
    assert migrate.upgrade(engine).is_current
    assert tables(engine) == before
    engine.dispose()


def test_an_empty_database_is_made_ready_and_then_works(empty_url: str) -> None:
    database = Database(empty_url)
    assert migrate.status(database.engine).current is None
    with pytest.raises(ConfigError) as refusal:
        migrate.require_current(database.engine)
    assert (refusal.value.code, refusal.value.hint) == ("schema_old", "run `meeting db upgrade`")
    database.make_ready()
    database.make_ready()
    assert database.recordings.upsert([meta(1)]).new == 1
    database.close()


@pytest.mark.parametrize("way", ["migrated", "loaded by hand"])
def test_row_71_every_table_holds_chinese_and_emoji_whatever_the_default_of_the_database(
    way: str, mariadb: MariaDb
) -> None:
    mariadb.execute("CREATE DATABASE western CHARACTER SET latin1")
    try:
        _make_tables(way, mariadb.url("western"), lambda: mariadb)
        made = mariadb.execute(
            "SELECT table_name, table_collation FROM information_schema.tables "
            "WHERE table_schema = 'western'"
        )
        written_in = mariadb.execute(
            "SELECT DISTINCT character_set_name FROM information_schema.columns "
            "WHERE table_schema = 'western' AND character_set_name IS NOT NULL"
        )
    finally:
        mariadb.execute("DROP DATABASE western")
    ours = {*metadata.tables, "alembic_version"}
    assert dict(made) == dict.fromkeys(ours, "utf8mb4_unicode_ci")
    assert written_in == [("utf8mb4",)]


def _make_tables(way: str, url: str, mariadb: Callable[[], MariaDb]) -> None:
    if way == "loaded by hand":
        load(url, mariadb)
        return
    engine = create_engine(url)
    migrate.upgrade(engine)
    engine.dispose()


def upgrade_although_broken_off(url: str, every: int) -> None:
    """Break off before the n-th statement, for each n-th n until the upgrade comes through."""
    n, is_through = 0, False
    while not is_through:
        n += every
        database = Database(url)
        before_each_statement(database, _break_off_at(n))
        try:
            is_through = migrate.upgrade(database.engine).is_current
        except KeyboardInterrupt:
            database.close()
    database.close()


def test_an_upgrade_that_was_broken_off_goes_on_where_it_stood(empty_url: str) -> None:
    upgrade_although_broken_off(empty_url, every=7)
    database = Database(empty_url)
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_a_database_of_the_first_revision_keeps_its_rows(empty_url: str) -> None:
    database = Database(empty_url)
    engine = database.engine
    in_transaction(engine, lambda one: command.upgrade(migrate._config(one), "0001"))
    in_transaction(engine, _insert_as_the_first_revision_did)
    with pytest.raises(ConfigError) as refusal:
        database.make_ready()
    assert refusal.value.code == "schema_old"
    assert migrate.upgrade(engine).is_current
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    [found] = database.reading.recordings(RecordingFilter(student="李雷"))
    assert found.record_id == meta(1).key.record_id
    database.close()


def test_summaries_from_before_versions_become_version_1_whenever_it_is_broken_off(
    empty_url: str,
) -> None:
    database = Database(empty_url)
    engine = database.engine
    in_transaction(engine, lambda one: command.upgrade(migrate._config(one), "0004"))
    in_transaction(engine, _insert_summaries_without_versions)
    database.close()

    upgrade_although_broken_off(empty_url, every=5)

    database = Database(empty_url)
    for number in (1, 2):
        [version] = database.summaries.versions(number)
        assert (version.version, version.is_current) == (1, True)
        assert version.summary.title == f"第{number}节"
    assert database.summaries.versions(3) == []
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def _insert_summaries_without_versions(connection: Connection) -> None:
    now = Clock()().replace(tzinfo=None)
    for number in (1, 2, 3):
        row = row_of(meta(number), attendance_of(meta(number), frozenset()))
        times = dict.fromkeys(("created_at", "updated_at"), Clock()())
        values = {**row, **times, "id": number, "status": RecordStatus.DONE, "phase": "其他"}
        connection.execute(schema.recordings.insert().values(values))
    insert = text(
        "INSERT INTO summaries (recording_id, engine, model, prompt, body, created_at) "
        "VALUES (:number, 'kimi', 'kimi-k2.6', 'minutes 1', :body, :now)"
    )
    for number in (1, 2):
        body: dict[str, object] = {
            "engine": "kimi",
            "model": "kimi-k2.6",
            "title": f"第{number}节",
            "abstract": "。",
        }
        body |= {"phase": "其他", "phase_method": "model", "confidence": 0.5}
        connection.execute(insert, {"number": number, "body": json.dumps(body), "now": now})


def _insert_as_the_first_revision_did(connection: Connection) -> None:
    present = attendance_of(meta(1), frozenset())
    times = dict.fromkeys(("created_at", "updated_at"), Clock()())
    row = {**row_of(meta(1), present), **times, "status": RecordStatus.PENDING}
    del row["notes"]  # of a later revision
    connection.execute(schema.recordings.insert().values({"id": 1, **row}))
    connection.execute(schema.attendance.insert(), [attendance_row(1, one) for one in present])


def _break_off_at(n: int) -> Callable[[int], None]:
    def act(number: int) -> None:
        if number == n:
            raise KeyboardInterrupt

    return act


def test_row_72_a_newer_schema_is_refused_and_left_alone(database: Database) -> None:
    change = text("UPDATE alembic_version SET version_num = :version")
    with database.engine.begin() as connection:
        connection.execute(change, {"version": "9999"})
    for act in (database.make_ready, lambda: migrate.upgrade(database.engine)):
        with pytest.raises(ConfigError) as refusal:
            act()
        assert refusal.value.code == "schema_new"
        assert refusal.value.hint
    with database.engine.begin() as connection:
        connection.execute(change, {"version": schema.REVISION})


def test_row_72_an_older_schema_is_refused_with_the_command_to_run(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "REVISION", "a later one")
    with pytest.raises(ConfigError) as refusal:
        migrate.require_current(database.engine)
    assert (refusal.value.code, refusal.value.hint) == ("schema_old", "run `meeting db upgrade`")


def test_the_revision_that_the_tables_name_is_the_newest() -> None:
    folder = Path(migrate.__file__).parent / "migrations" / "versions"
    assert max(path.name.partition("_")[0] for path in folder.glob("*.py")) == schema.REVISION


def test_a_table_that_is_not_there_asks_for_an_upgrade(empty_url: str) -> None:
    database = Database(empty_url)
    with pytest.raises(ConfigError) as refusal:
        database.recordings.upsert([meta(1)])
    assert (refusal.value.code, refusal.value.hint) == ("schema_old", "run `meeting db upgrade`")
    database.close()


@pytest.mark.parametrize(
    "wrong",
    ["UPDATE recordings SET phase = '闲聊'", "UPDATE recordings SET status = 'finished'"],
)
def test_a_word_outside_an_enum_is_refused_by_the_database_itself(
    database: Database, wrong: str
) -> None:
    database.recordings.upsert([meta(1)])
    with pytest.raises(RecordError) as refusal:
        in_transaction(database.engine, lambda connection: connection.execute(text(wrong)))
    assert refusal.value.code == "not_storable"


def test_deleting_a_recording_takes_everything_of_it_along(database: Database) -> None:
    database.recordings.upsert([meta(1)])
    number = database.reading.find(str(meta(1).key)) or 0
    database.recordings.save(number, minutes())
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM recordings"))
        for table in ("attendance", "transcript_segments", "transcripts", "summaries"):
            assert connection.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar() == 0


def test_what_lists_read_comes_before_the_two_texts_in_the_row() -> None:
    """SQLite reads a long text to find the columns behind it; later revisions can only append."""
    names = list(schema.recordings.c.keys())
    behind = names[names.index("transcript") :]
    assert behind[:4] == ["transcript", "summary", "notes", "accept_damaged"]
    assert behind[4:] == [
        "summary_version",
        "summary_asked_at",
        "phase_by_hand",
        "phase_by",
        "phase_at",
    ]
