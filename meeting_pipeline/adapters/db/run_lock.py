"""The run lock of a MySQL database: one run at a time, on whichever host.

The lock is GET_LOCK on a connection of its own, so the server releases it when that connection
ends, even if the process was killed. A row names the lock holder. It is valid only while the server
reports its connection as the one that has the lock, so the row of a killed run is ignored.

The table of that row belongs to the lock, not to the schema: the lock is taken before it is known
whether there is a schema, and which one.
"""

import logging
import threading
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from meeting_pipeline.adapters.db import failures
from meeting_pipeline.adapters.db.engine import create_engine, is_read_only, replayed
from meeting_pipeline.domain.lock_holder import LockHolder
from meeting_pipeline.errors import FatalError

log = logging.getLogger(__name__)

_NAME = "CONCAT('meeting:', SHA1(DATABASE()))"  # lock names are shared by all databases of a server
_GET_LOCK = f"SELECT GET_LOCK({_NAME}, 0)"
_RELEASE_LOCK = f"SELECT RELEASE_LOCK({_NAME})"
_LOCK_CONNECTION = f"SELECT IS_USED_LOCK({_NAME})"
_KEEP_CONNECTION = "SET SESSION wait_timeout = 2147483"
_TABLE = """
    CREATE TABLE IF NOT EXISTS run_lock (
        id TINYINT NOT NULL PRIMARY KEY,
        connection_id BIGINT UNSIGNED NOT NULL,
        holder TEXT NOT NULL
    ) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
"""
_WRITE_HOLDER = "REPLACE INTO run_lock (id, connection_id, holder) VALUES (1, CONNECTION_ID(), %s)"
_READ_HOLDER = """
    SELECT holder FROM run_lock
    WHERE connection_id = IS_USED_LOCK(CONCAT('meeting:', SHA1(DATABASE())))
"""
_ANSWER_S = 15
_NO_TABLE = 1146
_NO_LOCKS = {1235, 1305}  # a cluster that has no GET_LOCK


class LockUnsupported(Exception):
    """The server has no GET_LOCK, so it cannot lock out runs on other hosts."""


class DatabaseRunLock:
    """The run lock of a MySQL database, held from `take` to `close`.

    Every writing transaction of a guarded engine first asks the server whether this process still
    holds the lock, so no row is written without it. A run that waits notices a lost lock at its
    next write.

    Args:
        url: The address of the database.
        holder: Who takes the lock, for other runs to report.
    """

    def __init__(self, url: str, holder: LockHolder) -> None:
        self._engine = create_engine(url, pooled=False, answer_s=_ANSWER_S)
        self._holder = holder.write()
        self._mutex = threading.Lock()
        self._held: Connection | None = None
        self._is_over = False

    def take(self) -> bool:
        """Take the lock, unless another run holds it.

        Returns:
            Whether this process holds the lock now.

        Raises:
            LockUnsupported: The server has no GET_LOCK.
            FatalError: The database does not answer or cannot be written.
            ConfigError: The login is wrong, or the database does not exist.
        """
        try:
            return replayed(self._take)
        except DBAPIError as error:
            if failures.number(error) in _NO_LOCKS:
                raise LockUnsupported from None
            raise failures.translated(error) from error

    def holder(self) -> LockHolder | None:
        """Return the lock holder; None before that run has written its name.

        Raises:
            FatalError: The database does not answer.
            ConfigError: The login is wrong, or the database does not exist.
        """
        return LockHolder.read(self._answer(_READ_HOLDER) or "")

    def is_held(self) -> bool:
        """Return whether any run holds the lock.

        Raises:
            FatalError: The database does not answer.
            ConfigError: The login is wrong, or the database does not exist.
        """
        return self._answer(_LOCK_CONNECTION) is not None

    def guard(self, engine: Engine) -> None:
        """Let transactions of an engine write only while this process holds the lock.

        Without the lock, a writing transaction raises FatalError("lock_lost").
        """
        event.listen(engine, "begin", self._check)

    def close(self) -> None:
        """Release the lock for good; guarded engines cannot write any more."""
        with self._mutex:
            self._is_over = True
            self._release()
        self._engine.dispose()

    def _take(self) -> bool:
        self._release()
        self._held = self._connected()
        self._held.exec_driver_sql(_KEEP_CONNECTION)
        is_ours = self._held.exec_driver_sql(_GET_LOCK).scalar() == 1
        if is_ours:
            self._write_holder(self._held)
        else:
            self._release()
        return is_ours

    def _write_holder(self, held: Connection) -> None:
        try:
            held.exec_driver_sql(_WRITE_HOLDER, (self._holder,))
        except DBAPIError as error:  # create the table once; later no CREATE privilege is needed
            if failures.number(error) != _NO_TABLE:
                raise
            held.exec_driver_sql(_TABLE)
            held.exec_driver_sql(_WRITE_HOLDER, (self._holder,))

    def _release(self) -> None:
        if self._held is not None:
            with suppress(SQLAlchemyError):  # then the end of the connection releases it
                self._held.exec_driver_sql(_RELEASE_LOCK)
            self._held.invalidate()
            self._held.close()
            self._held = None

    def _connected(self) -> Connection:
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def _answer(self, question: str) -> Any:
        """Return the server's answer; None without GET_LOCK, or before a run created the table."""
        try:
            with self._connected() as connection:
                return connection.exec_driver_sql(question).scalar()
        except DBAPIError as error:
            if failures.number(error) in {_NO_TABLE, *_NO_LOCKS}:
                return None
            raise failures.translated(error) from error

    def _check(self, writing: Connection) -> None:
        if not is_read_only(writing) and not self._is_ours(writing):
            self._retake(writing)

    def _is_ours(self, writing: Connection) -> bool:
        """Ask the server that is about to be written to whether this process holds the lock."""
        return writing.exec_driver_sql(_READ_HOLDER).scalar() == self._holder

    def _retake(self, writing: Connection) -> None:
        """Take the lock again after its connection was lost; raise FatalError if that fails."""
        with self._mutex:
            if not self._is_over and not self._is_ours(writing):  # another thread may have taken it
                log.warning("the connection that held the run lock was lost; taking the lock again")
                self._is_over = not self._take()
            if self._is_over:
                raise FatalError(
                    "lock_lost",
                    "the connection that held the run lock was lost, and another run took the lock",
                    hint="no data is lost; find out why connections are lost, then run again",
                )
