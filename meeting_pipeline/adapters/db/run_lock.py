"""One run at a time on one MySQL database, whichever host it comes from.

The right to run is GET_LOCK on a connection of our own, so the server frees it when that connection
ends, however we died. Beside it a row says who has it. The row counts only while the server names
its connection as the one that has the lock, so what a killed run has left is no holder.

The row's table belongs to the lock, not to the schema: the lock is taken before we know whether
there is a schema, and which one.
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

_NAME = "CONCAT('meeting:', SHA1(DATABASE()))"  # names are the server's, shared by its databases
_TAKE = f"SELECT GET_LOCK({_NAME}, 0)"
_GIVE = f"SELECT RELEASE_LOCK({_NAME})"
_WHOSE = f"SELECT IS_USED_LOCK({_NAME})"
_FOR_LONG = "SET SESSION wait_timeout = 2147483"
_TABLE = """
    CREATE TABLE IF NOT EXISTS run_lock (
        id TINYINT NOT NULL PRIMARY KEY,
        connection_id BIGINT UNSIGNED NOT NULL,
        holder TEXT NOT NULL
    ) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci
"""
_SAY_WHO = "REPLACE INTO run_lock (id, connection_id, holder) VALUES (1, CONNECTION_ID(), %s)"
_WHO = """
    SELECT holder FROM run_lock
    WHERE connection_id = IS_USED_LOCK(CONCAT('meeting:', SHA1(DATABASE())))
"""
_ANSWER_S = 15
_NO_TABLE = 1146
_NO_LOCKS = {1235, 1305}  # a cluster that has no GET_LOCK


class LockUnsupported(Exception):
    """This server cannot keep runs of different hosts apart."""


class DatabaseRunLock:
    """The right to run on the database behind a MySQL address, from `take` to `close`.

    Every writing transaction of a guarded engine asks the server whether it is still ours, so not
    one row is written without it. A run that only waits learns of the loss when it writes next.
    """

    def __init__(self, url: str, holder: LockHolder) -> None:
        self._engine = create_engine(url, pooled=False, answer_s=_ANSWER_S)
        self._holder = holder.write()
        self._mutex = threading.Lock()
        self._held: Connection | None = None
        self._is_over = False

    def take(self) -> bool:
        """Take the lock, unless another run has it.

        Returns:
            Whether it is ours now.

        Raises:
            LockUnsupported: The server has no GET_LOCK.
            FatalError, ConfigError: There is no database, or it cannot be written to.
        """
        try:
            return replayed(self._take)
        except DBAPIError as error:
            if failures.number(error) in _NO_LOCKS:
                raise LockUnsupported from None
            raise failures.translated(error) from error

    def holder(self) -> LockHolder | None:
        """Return who has it; None while that run has not said so.

        Raises:
            FatalError, ConfigError: There is no database.
        """
        return LockHolder.read(self._answer(_WHO) or "")

    def is_held(self) -> bool:
        """Return whether any run has it.

        Raises:
            FatalError, ConfigError: There is no database.
        """
        return self._answer(_WHOSE) is not None

    def guard(self, engine: Engine) -> None:
        """Let no transaction of this engine write while the lock is not ours.

        Such a transaction raises FatalError("lock_lost").
        """
        event.listen(engine, "begin", self._check)

    def close(self) -> None:
        """Give it back for good: a guarded engine writes nothing more."""
        with self._mutex:
            self._is_over = True
            self._give_back()
        self._engine.dispose()

    def _take(self) -> bool:
        self._give_back()
        self._held = self._connected()
        self._held.exec_driver_sql(_FOR_LONG)
        is_ours = self._held.exec_driver_sql(_TAKE).scalar() == 1
        if is_ours:
            self._say_who(self._held)
        else:
            self._give_back()
        return is_ours

    def _say_who(self, held: Connection) -> None:
        try:
            held.exec_driver_sql(_SAY_WHO, (self._holder,))
        except DBAPIError as error:  # an account that may not make tables needs to do so only once
            if failures.number(error) != _NO_TABLE:
                raise
            held.exec_driver_sql(_TABLE)
            held.exec_driver_sql(_SAY_WHO, (self._holder,))

    def _give_back(self) -> None:
        if self._held is not None:
            with suppress(SQLAlchemyError):  # then the end of the connection frees it
                self._held.exec_driver_sql(_GIVE)
            self._held.invalidate()
            self._held.close()
            self._held = None

    def _connected(self) -> Connection:
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def _answer(self, question: str) -> Any:
        """Return the server's answer; None where it has no locks, or no run has made the table."""
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
        """Ask the very server that will be written to."""
        return writing.exec_driver_sql(_WHO).scalar() == self._holder

    def _retake(self, writing: Connection) -> None:
        """Take it again after our connection broke; raises FatalError when another run has it."""
        with self._mutex:
            if not self._is_over and not self._is_ours(writing):  # no other thread was faster
                log.warning("the connection that held the run lock broke; taking it again")
                self._is_over = not self._take()
            if self._is_over:
                raise FatalError(
                    "lock_lost",
                    "the database connection that held the run lock broke, and another run began",
                    hint="nothing of it is lost; see why connections break, then run again",
                )
