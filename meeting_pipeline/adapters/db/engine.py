"""A SQLAlchemy engine for either database, and transactions that survive its hiccups."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    NullPool,
    String,
    column,
    event,
    inspect,
    make_url,
    select,
    table,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from meeting_pipeline.adapters.db import failures
from meeting_pipeline.adapters.db.types import MYSQL, SQLITE
from meeting_pipeline.errors import ConfigError, FatalError
from meeting_pipeline.storage.files import make_folder, sync

Result = TypeVar("Result")

_REPLAYS = 3
_BUSY_S = 10.0
_ANSWER_S = 300  # the slowest statement, a full recomputation, takes seconds; then it is a hang
_READ_ONLY = "meeting_read_only"
_PRAGMAS = (
    "journal_mode=WAL",
    "foreign_keys=ON",
    "synchronous=NORMAL",
    "cache_size=-400",  # kB for each of our connections; the system keeps the pages anyway
)
_json = json.JSONEncoder(ensure_ascii=False).encode  # Chinese stays readable in queries
_SESSION = (
    "SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci, time_zone='+00:00', sql_mode='TRADITIONAL'"
)


def create_engine(url: str, *, pooled: bool = True, answer_s: int = _ANSWER_S) -> Engine:
    """An engine for `sqlite:///FILE` or `mysql+pymysql://…`; it connects on first use.

    pooled: False gives every `connect` a connection of its own. answer_s: after so many seconds
    without an answer a MySQL server counts as gone. The SQLite file is made for its owner only.
    Raises ConfigError for any other address,
    FatalError when the file cannot be made.
    """
    address = _address(url)
    if address.get_backend_name() == SQLITE:
        return _sqlite(address)
    return _mysql(address, {"max_overflow": -1} if pooled else {"poolclass": NullPool}, answer_s)


def in_transaction(
    engine: Engine, work: Callable[[Connection], Result], *, read_only: bool = False
) -> Result:
    """What `work` returns once it is committed.

    After a conflict or a lost connection the whole of it is done again, up to three times, so it
    must not have effects elsewhere. Raises FatalError("database_gone" or "disk_full"), ConfigError
    for a wrong login or schema, RecordError for a value that the database refuses.
    """
    try:
        return replayed(partial(_once, engine, work, read_only))
    except SQLAlchemyError as error:
        raise failures.translated(error) from error


def replayed(work: Callable[[], Result]) -> Result:
    """What `work` returns; after a conflict or a lost connection all of it is done again."""
    try:
        return work()  # what is below takes as long as a small transaction
    except SQLAlchemyError as error:
        if not failures.may_pass(error):
            raise
    return Retrying(
        retry=retry_if_exception(failures.may_pass),
        stop=stop_after_attempt(_REPLAYS),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        reraise=True,
    )(work)


def read(engine: Engine, work: Callable[[Connection], Result]) -> Result:
    """Like `in_transaction` for work that only reads: it waits for nobody who writes."""
    return in_transaction(engine, work, read_only=True)


def outside_transaction(engine: Engine, *statements: str) -> list[Any]:
    """The last statement's first row, as `VACUUM` and checkpoints need it; errors as above."""
    connection = None
    try:
        connection = engine.raw_connection()
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchone() or ())
    except SQLAlchemyError as error:
        raise failures.translated(error) from error
    except sqlite3.Error as error:
        wrapped = DBAPIError("", None, error)
        raise failures.translated(wrapped) from wrapped
    finally:
        if connection is not None:
            connection.close()


def make_durable(engine: Engine) -> None:
    """What is committed in the SQLite file survives a power cut from now on.

    Its journal alone is synced: a checkpoint would write every changed page, too. Raises
    FatalError("database_gone").
    """
    journal = Path(f"{engine.url.database}-wal")
    try:
        with suppress(FileNotFoundError):  # everything is in the file itself
            sync(journal)
            sync(journal.parent)
    except OSError as error:
        what = f"{journal} cannot be written to the disk: {error.strerror}"
        raise FatalError("database_gone", what) from error


def revision(engine: Engine) -> str | None:
    """Which revision of the schema is there, None for no tables of ours; without Alembic."""
    version = select(column("version_num", String)).select_from(table("alembic_version"))

    def work(connection: Connection) -> str | None:
        there = inspect(connection).has_table("alembic_version")
        return connection.execute(version).scalar() if there else None

    return read(engine, work)


def _once(engine: Engine, work: Callable[[Connection], Result], read_only: bool) -> Result:
    with engine.connect() as connection:
        if read_only:  # of an engine with options the listeners would be looked up every time
            connection.execution_options(**{_READ_ONLY: True})
        with connection.begin():
            return work(connection)


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except SQLAlchemyError as error:
        raise ConfigError("database_url", "the database address cannot be read") from error
    backend = address.get_backend_name()
    if backend not in (SQLITE, MYSQL, "mariadb"):
        raise ConfigError("database_url", f"{backend} is not supported", hint="MySQL or SQLite")
    return address if backend == SQLITE else address.set(drivername="mysql+pymysql")


def is_read_only(connection: Connection) -> bool:
    """Whether this transaction is one of `read`."""
    return bool(connection.get_execution_options().get(_READ_ONLY, False))


def _mysql(address: URL, pool: dict[str, Any], answer_s: int) -> Engine:
    engine = sqlalchemy.create_engine(
        address,
        json_serializer=_json,
        hide_parameters=True,
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_recycle=1800,
        **pool,
        connect_args={
            "charset": "utf8mb4",
            "connect_timeout": 10,
            "read_timeout": answer_s,
            "write_timeout": answer_s,
        },
    )
    event.listen(engine, "connect", _prepare_mysql)
    return engine


def _prepare_mysql(connection: Any, record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SESSION)


def _sqlite(address: URL) -> Engine:
    if address.database:
        _make_private(Path(address.database))
    engine = sqlalchemy.create_engine(
        address,
        json_serializer=_json,
        hide_parameters=True,
        max_overflow=-1,
        connect_args={"timeout": _BUSY_S},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_private(path: Path) -> None:
    try:
        make_folder(path.parent)
        path.touch(mode=0o600)
    except OSError as error:
        raise FatalError("database_gone", f"{path} cannot be made: {error.strerror}") from error


def _prepare_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so, see _begin_sqlite
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Writers queue at their start: one that read first could not be let through later."""
    begin = "BEGIN" if is_read_only(connection) else "BEGIN IMMEDIATE"
    driver: Any = connection.connection.dbapi_connection
    try:
        driver.execute(begin)  # by SQLAlchemy it would take as long as a statement with a result
    except sqlite3.Error as error:
        raise DBAPIError.instance(begin, None, error, sqlite3.Error) from error
