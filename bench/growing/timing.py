"""Time spent in a database, taken where its driver is called: statements, fetches, commits."""

import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
from pymysql.cursors import Cursor
from sqlalchemy import Engine, event

_METHODS = ("execute", "executemany", "fetchone", "fetchmany", "fetchall")
_END = "COMMIT"


class DatabaseTime:
    """Seconds by statement while `measured`; wraps what the engine connects with from now on.

    cpu_s: seconds a processor worked for the database, which a busy machine does not stretch: those
    of the server, or where it is a library those of its calls.
    """

    def __init__(self, engine: Engine, server: int | None) -> None:
        self.by_statement: defaultdict[str, float] = defaultdict(float)
        self.cpu_s = 0.0
        self._server = server
        self._running = self._inside = False
        cursor, connection = _classes(engine.dialect.name)
        timed_cursor = type("TimedCursor", (cursor,), self._timed(cursor, _METHODS))
        timed = self._timed(connection, ("commit", "rollback"))
        self._connection = type("TimedConnection", (connection,), timed)
        self._cursor = timed_cursor
        event.listen(engine, "do_connect", self._connect)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Start from nothing and count while the block runs."""
        self.by_statement.clear()
        self.cpu_s = 0.0
        before = _cpu_s(self._server)
        self._running = True
        yield
        self._running = False
        self.cpu_s += _cpu_s(self._server) - before

    def _connect(
        self, dialect: Any, record: object, words: list[Any], named: dict[str, Any]
    ) -> Any:
        if dialect.name == "sqlite":
            named["factory"] = self._connection
            made = dialect.connect(*words, **named)
            made.cursor_class = self._cursor
            return made
        return self._connection(*words, **named, cursorclass=self._cursor)

    def _timed(self, owner: type, names: tuple[str, ...]) -> dict[str, Any]:
        made: dict[str, Any] = {name: self._wrapped(getattr(owner, name)) for name in names}
        if owner is sqlite3.Connection:
            made["cursor"] = lambda one, *_: sqlite3.Connection.cursor(one, one.cursor_class)
            made["cursor_class"] = sqlite3.Cursor
        return made

    def _wrapped(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(one: Any, *words: Any, **named: Any) -> Any:
            if not self._running or self._inside:
                return method(one, *words, **named)
            self._inside = True  # a driver's method may call another
            if method.__name__.startswith("execute"):
                one.statement = words[0]
            started, worked = time.perf_counter(), time.thread_time()
            try:
                return method(one, *words, **named)
            finally:
                if self._server is None:
                    self.cpu_s += time.thread_time() - worked
                self.by_statement[getattr(one, "statement", _END)] += time.perf_counter() - started
                self._inside = False

        return timed


def _classes(dialect: str) -> tuple[type, type]:
    if dialect == "sqlite":
        return sqlite3.Cursor, sqlite3.Connection
    return Cursor, pymysql.Connection


def _cpu_s(server: int | None) -> float:
    """What this process has used so far, by itself and in the kernel."""
    if server is None:
        return 0.0
    user, kernel = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(kernel)) / os.sysconf("SC_CLK_TCK")
