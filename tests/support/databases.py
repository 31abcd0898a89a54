"""Databases to test against: each test gets an empty one of ours, on SQLite and on MariaDB.

Import the fixtures into a conftest to use them; whatever uses `database` or `database_url` runs
once for each engine.
"""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import event

from meeting_pipeline.adapters.db import migrate
from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.db.engine import create_engine
from meeting_pipeline.adapters.db.schema import metadata
from tests.support.mariadb import MariaDb, running_mariadb
from tests.support.rows import TEACHER, Clock

_SHARED = "meeting"
_numbers = count(1)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """One server for the whole session, with one database that has our tables."""
    with running_mariadb() as server:
        _create(server, _SHARED)
        _migrate(server.url(_SHARED))
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with our tables, to be copied."""
    path = tmp_path_factory.mktemp("template") / "meeting.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "mariadb"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Which engine the test runs on."""
    return str(request.param)


@pytest.fixture
def database_url(engine_name: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The address of a database with our tables and no rows."""
    if engine_name == "sqlite":
        copy = tmp_path / "meeting.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), copy)
        return f"sqlite:///{copy}"
    return clear(request.getfixturevalue("mariadb"))


@pytest.fixture
def empty_url(engine_name: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database without any tables."""
    if engine_name == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: MariaDb = request.getfixturevalue("mariadb")
    name = f"empty{next(_numbers)}"
    _create(server, name)
    yield server.url(name)
    server.execute(f"DROP DATABASE {name}")


@pytest.fixture
def clock() -> Clock:
    """The clock of `database`."""
    return Clock()


@pytest.fixture
def database(database_url: str, clock: Clock) -> Iterator[Database]:
    """The stores, over an empty database."""
    opened = Database(database_url, [TEACHER], clock)
    yield opened
    opened.close()


class Statements:
    """What was sent to the database while the block ran."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self.sent: list[str] = []

    @property
    def writes(self) -> list[str]:
        return [one for one in self.sent if one.split()[0] in ("INSERT", "UPDATE", "DELETE")]

    def __enter__(self) -> "Statements":
        event.listen(self._engine, "before_cursor_execute", self._note)
        return self

    def __exit__(self, *trouble: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._note)

    def _note(self, connection: object, cursor: object, statement: str, *details: object) -> None:
        self.sent.append(statement)


def before_each_statement(database: Database, act: Callable[[int], None]) -> None:
    """Call `act` with 1, 2, 3 … before each statement from now on."""
    numbers = count(1)

    def listener(*details: object) -> None:
        act(next(numbers))

    event.listen(database.engine, "before_cursor_execute", listener)


def clear(server: MariaDb) -> str:
    """The address of the session's MariaDB database, with our tables alone and no rows in them."""
    for table in reversed(metadata.sorted_tables):
        server.execute(f"DELETE FROM {_SHARED}.`{table.name}`")
    server.execute(f"DROP TABLE IF EXISTS {_SHARED}.run_lock")
    return server.url(_SHARED)


def _create(server: MariaDb, name: str) -> None:
    server.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")


def _migrate(url: str) -> None:
    engine = create_engine(url)
    migrate.upgrade(engine)
    engine.dispose()
