"""One run at a time on one MySQL database, whichever host it comes from.

The right to run is GET_LOCK on a connection of our own, so the server frees it when that
connection ends, however we died. A second connection, the herald, tells others who we are: its
statement, which anybody with the same account sees in the list of processes, carries the holder.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from meeting_pipeline.adapters.db import failures
from meeting_pipeline.adapters.db.engine import create_engine, is_read_only, replayed
from meeting_pipeline.domain.lock_holder import Holder
from meeting_pipeline.errors import FatalError

log = logging.getLogger(__name__)

_NAME = "CONCAT('meeting:', SHA1(DATABASE()))"  # names are the server's, shared by its databases
_TAKE = f"SELECT GET_LOCK({_NAME}, 0), CONNECTION_ID()"
_GIVE = f"SELECT RELEASE_LOCK({_NAME})"
_WHOSE = f"SELECT IS_USED_LOCK({_NAME})"
_FOR_LONG = "SET SESSION wait_timeout = 2147483, SESSION long_query_time = 3600"
_LOOK_EVERY_S = 5
_ANSWER_S = 3 * _LOOK_EVERY_S
_LEAVES_WITHIN_S = 1.0
_SAY = f"SELECT %s, SLEEP({_LOOK_EVERY_S})"
_MARK = "meeting run lock"
_NOT_THERE = {1235, 1305}  # a cluster that has no GET_LOCK


class LockUnsupported(Exception):
    """This server cannot keep runs of different hosts apart."""


class DatabaseRunLock:
    """The right to run on the database behind a MySQL address, from `take` to `close`.

    on_lost: told, on a thread of its own, when somebody else has taken it after our connection
    broke. Every writing transaction of a guarded engine asks the server itself, so not one row is
    written without the lock.
    """

    def __init__(self, url: str, holder: Holder) -> None:
        self.on_lost: Callable[[], None] = lambda: None
        self._engine = create_engine(url, pooled=False, answer_s=_ANSWER_S)
        self._holder = holder
        self._mutex = threading.RLock()
        self._held: Connection | None = None
        self._asking: Connection | None = None
        self._number = 0
        self._herald_number = 0
        self._lost = False
        self._closing = threading.Event()
        self._herald = threading.Thread(target=self._tell, name="run-lock", daemon=True)

    def take(self) -> bool:
        """Whether it is ours now; False when somebody else has it.

        Raises LockUnsupported, and FatalError or ConfigError where there is no database.
        """
        try:
            is_ours = replayed(self._take)
        except DBAPIError as error:
            if failures.number(error) in _NOT_THERE:
                raise LockUnsupported from None
            raise failures.translated(error) from error
        if is_ours:
            self._herald.start()
        return is_ours

    def holder(self) -> Holder | None:
        """Who has it; None while that one has not said so."""
        try:
            if self._asking is None:
                self._asking = self._connected()
            number = self._asking.exec_driver_sql(_WHOSE).scalar()
            rows = self._asking.exec_driver_sql("SHOW FULL PROCESSLIST").mappings().all()
        except SQLAlchemyError as error:
            raise failures.translated(error) from error
        return next((who for row in rows if (who := _told(row["Info"], number))), None)

    def is_held(self) -> bool:
        """Whether anybody has it; raises FatalError or ConfigError where there is no database."""
        try:
            with self._connected() as asking:
                return asking.exec_driver_sql(_WHOSE).scalar() is not None
        except DBAPIError as error:
            if failures.number(error) in _NOT_THERE:
                return False
            raise failures.translated(error) from error

    def guard(self, engine: Engine) -> None:
        """Let no transaction of this engine write while the lock is not ours.

        It raises FatalError("lock_lost").
        """
        event.listen(engine, "begin", self._check)

    def close(self) -> None:
        """Give it back."""
        self._closing.set()
        with self._mutex:
            if self._held is not None:
                with suppress(SQLAlchemyError):  # then the end of the connection does it
                    self._held.exec_driver_sql(_GIVE)
                    self._held.exec_driver_sql(f"KILL QUERY {self._herald_number}")
                self._drop()
        if self._herald.is_alive():
            self._herald.join(_LEAVES_WITHIN_S)
        if self._asking is not None:
            self._asking.close()
        self._engine.dispose()

    def _take(self) -> bool:
        connection = self._connected()
        try:
            connection.exec_driver_sql(_FOR_LONG)
            taken, number = connection.exec_driver_sql(_TAKE).one()
        except SQLAlchemyError:
            connection.close()
            raise
        if not taken:
            connection.close()
            return False
        self._held, self._number = connection, int(number)
        return True

    def _connected(self) -> Connection:
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def _check(self, connection: Connection) -> None:
        if is_read_only(connection):
            return
        if connection.exec_driver_sql(_WHOSE).scalar() != self._number:
            self._retake()

    def _retake(self) -> None:
        """Take it again after our connection broke; raises FatalError when somebody else has it."""
        with self._mutex:
            if self._closing.is_set():
                return
            if not self._lost and not self._is_ours() and not self._take():
                self._lost = True
                log.error("the connection that held the run lock broke; another run took it")
            if self._lost:
                raise FatalError(
                    "lock_lost",
                    "the database connection that held the run lock broke, and another run began",
                    hint="nothing of it is lost; see why connections break, then run again",
                )

    def _is_ours(self) -> bool:
        """Whether our connection still holds it; one that does not is closed."""
        if self._held is None:
            return False
        try:
            if self._held.exec_driver_sql(_WHOSE).scalar() == self._number:
                return True
        except SQLAlchemyError:
            log.warning("the connection that held the run lock broke; taking it again")
        self._drop()
        return False

    def _drop(self) -> None:
        if self._held is not None:
            self._held.invalidate()
            self._held.close()
            self._held = None

    def _tell(self) -> None:
        """Say who we are, again and again, and look whether the lock is still ours."""
        while not self._closing.is_set():
            try:
                self._tell_on_one_connection()
            except FatalError:
                self.on_lost()
                return
            except SQLAlchemyError:  # the server is away; a writer would notice, too
                self._closing.wait(1)

    def _tell_on_one_connection(self) -> None:
        with self._connected() as herald:
            herald.exec_driver_sql(_FOR_LONG)
            self._herald_number = herald.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
            while not self._closing.is_set():
                self._retake()
                herald.exec_driver_sql(_SAY, (_told_as(self._number, self._holder),))


def _told_as(number: int, holder: Holder) -> str:
    # no quote and no backslash: it is read back from the text of a statement
    return f"{_MARK} {number} {holder.write().encode().hex()}"


def _told(statement: Any, number: Any) -> Holder | None:
    """The holder that a statement tells of, if it speaks of this connection."""
    words = str(statement or "").partition(_MARK)[2].partition("'")[0].split()
    if words[:1] != [str(number)]:
        return None
    with suppress(ValueError, IndexError):
        return Holder.read(bytes.fromhex(words[1]).decode())
    return None
