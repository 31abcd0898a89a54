"""SQLAlchemy engines for MySQL and SQLite, and transactions that are repeated on conflicts."""

import json
import os
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
    QueuePool,
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
from meeting_pipeline.adapters.db.hand_edits import unreadable_row
from meeting_pipeline.adapters.db.types import MYSQL, SQLITE, UnreadableValue, document_of
from meeting_pipeline.errors import ConfigError, FatalError
from meeting_pipeline.storage.files import make_folder, sync

Result = TypeVar("Result")

_REPLAYS = 3
_BUSY_S = 10.0
_ANSWER_S = 300  # the slowest statement, a full recomputation, takes seconds
_READ_ONLY = "meeting_read_only"
_PRAGMAS = (
    "journal_mode=WAL",
    "foreign_keys=ON",
    "synchronous=NORMAL",
    "cache_size=-400",  # kB per connection; the system caches the pages anyway
)
_json = json.JSONEncoder(ensure_ascii=False).encode  # Chinese text remains readable in the tables
_SESSION = (
    "SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci, time_zone='+00:00', sql_mode='TRADITIONAL'"
)


def create_engine(url: str, *, pooled: bool = True, answer_s: int = _ANSWER_S) -> Engine:
    """Return an engine that connects on first use.

    Args:
        url: `sqlite:///FILE` or `mysql+pymysql://…`. A new SQLite file is readable only by its
            owner.
        pooled: False opens a new connection for every `connect`.
        answer_s: Seconds after which a MySQL server that does not answer is considered gone.

    Raises:
        ConfigError: "database_url" for any other address.
        FatalError: "database_gone" when the SQLite file cannot be created.
    """
    address = _address(url)
    if address.get_backend_name() == SQLITE:
        return _sqlite(address)
    return _mysql(address, {"max_overflow": -1} if pooled else {"poolclass": NullPool}, answer_s)


def in_transaction(
    engine: Engine, work: Callable[[Connection], Result], *, read_only: bool = False
) -> Result:
    """Run `work` in a transaction, commit it, and return its result.

    After a conflict or a lost connection all of it is repeated, up to three times, so `work` must
    not have other effects.

    Args:
        engine: The database.
        work: Called with the connection.
        read_only: Do not queue up with transactions that write.

    Raises:
        FatalError: "database_gone", "database_damaged", "disk_full" or "unreadable_row".
        ConfigError: The login or the schema is wrong.
        RecordError: The database rejects a value.
    """
    try:
        return replayed(partial(_once, engine, work, read_only))
    except UnreadableValue as error:
        raise _once(engine, unreadable_row, True) from error
    except SQLAlchemyError as error:
        raise failures.translated(error) from error


def replayed(work: Callable[[], Result]) -> Result:
    """Return the result of `work`, repeating it after a conflict or a lost connection."""
    try:
        return work()  # first without tenacity, which takes as long as a small transaction
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
    """Run `work` like `in_transaction`, for work that only reads: it never waits for writers."""
    return in_transaction(engine, work, read_only=True)


def outside_transaction(engine: Engine, *statements: str) -> list[Any]:
    """Execute statements that cannot run in a transaction, such as `VACUUM`.

    Args:
        engine: The database.
        statements: Executed in order, each committed by itself.

    Returns:
        The first row of the last statement's result.

    Raises:
        MeetingError: As for `in_transaction`.
    """
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
    """Make everything that is committed in the SQLite file survive a power failure.

    Only its journal is synced: a checkpoint would write every changed page as well.

    Raises:
        FatalError: "database_gone".
    """
    journal = Path(f"{engine.url.database}-wal")
    try:
        with suppress(FileNotFoundError):  # then everything is in the file itself
            sync(journal)
            sync(journal.parent)
    except OSError as error:
        what = f"the database's journal {journal} cannot be synced to disk: {error.strerror}"
        raise FatalError("database_gone", what) from error


def revision(engine: Engine) -> str | None:
    """Return the revision of the schema, or None without tables of ours.

    It does not use Alembic, whose import takes half a second.
    """
    version = select(column("version_num", String)).select_from(table("alembic_version"))

    def work(connection: Connection) -> str | None:
        exists = inspect(connection).has_table("alembic_version")
        return connection.execute(version).scalar() if exists else None

    return read(engine, work)


def _once(engine: Engine, work: Callable[[Connection], Result], read_only: bool) -> Result:
    with engine.connect() as connection:
        if read_only:  # set here: an engine with options would look up its listeners every time
            connection.execution_options(**{_READ_ONLY: True})
        with connection.begin():
            return work(connection)


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except SQLAlchemyError as error:
        raise ConfigError("database_url", "the database address is not a valid URL") from error
    backend = address.get_backend_name()
    if backend not in (SQLITE, MYSQL, "mariadb"):
        raise ConfigError(
            "database_url",
            f"{backend} databases are not supported",
            hint="use MySQL, MariaDB or SQLite",
        )
    return address if backend == SQLITE else address.set(drivername="mysql+pymysql")


def is_read_only(connection: Connection) -> bool:
    """Return whether the connection is in a transaction of `read`."""
    return bool(connection.get_execution_options().get(_READ_ONLY, False))


def _made(address: URL, **options: Any) -> Engine:
    return sqlalchemy.create_engine(
        address,
        json_serializer=_json,
        json_deserializer=document_of,
        hide_parameters=True,
        **options,
    )


def _mysql(address: URL, pool: dict[str, object], answer_s: int) -> Engine:
    engine = _made(
        address,
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
    if address.database and _is_on_read_only_disk(Path(address.database)):
        return _read_only_sqlite(Path(address.database))
    if address.database:
        _make_private(Path(address.database))
    engine = _made(address, max_overflow=-1, connect_args={"timeout": _BUSY_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _is_on_read_only_disk(path: Path) -> bool:
    """Return whether the file can be read, but neither it nor a journal beside it be written."""
    return path.is_file() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _read_only_sqlite(path: Path) -> Engine:
    """Return an engine that creates no file, for `status` or `export` of a copy or a snapshot.

    Without a journal, SQLite is told that no process writes: it would want to create one.
    """
    journal = Path(f"{path}-wal")
    has_journal = journal.exists() and journal.stat().st_size > 0
    how = "mode=ro" if has_journal else "mode=ro&immutable=1"
    file = f"{path.absolute().as_uri()}?{how}"
    engine = _made(
        make_url("sqlite://"),
        creator=lambda: sqlite3.connect(file, _BUSY_S, uri=True, check_same_thread=False),
        poolclass=QueuePool,
        max_overflow=-1,
    )
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "connect", _leave_transactions_to_us)
    return engine


def _leave_transactions_to_us(connection: Any, record: object) -> None:
    connection.isolation_level = None  # _begin_sqlite begins transactions


def _make_private(path: Path) -> None:
    try:
        make_folder(path.parent)
        path.touch(mode=0o600)
    except OSError as error:
        what = f"the database {path} cannot be created: {error.strerror}"
        raise FatalError("database_gone", what) from error


def _prepare_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # _begin_sqlite begins transactions
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Begin a transaction, and let writers queue up at its start.

    SQLite cannot let a transaction write that has read before another one committed.
    """
    begin = "BEGIN" if is_read_only(connection) else "BEGIN IMMEDIATE"
    driver: Any = connection.connection.dbapi_connection
    try:
        driver.execute(begin)  # through SQLAlchemy it would take as long as a query
    except sqlite3.Error as error:
        raise DBAPIError.instance(begin, None, error, sqlite3.Error) from error
