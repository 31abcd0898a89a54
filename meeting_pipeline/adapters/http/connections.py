"""HTTP connections that hand their socket to the attempt which they serve."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from threading import Lock
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

from meeting_pipeline.adapters.http.attempts import Attempt

_current: ContextVar[Attempt] = ContextVar("attempt")


def current_attempt() -> Attempt:
    """Return the attempt of this thread, or raise LookupError outside of one."""
    return _current.get()


class BreakableAdapter(HTTPAdapter):
    """An adapter of `requests` whose requests can be broken off, whatever they wait for.

    Each request has to be made within an `attempt`.

    Args:
        pool_connections: How many hosts keep their connections.
        pool_maxsize: How many connections are kept for each of them.
    """

    def __init__(self, pool_connections: int, pool_maxsize: int) -> None:
        self._attempts: set[Attempt] = set()
        self._is_broken_off = False
        self._guard = Lock()
        super().__init__(pool_connections=pool_connections, pool_maxsize=pool_maxsize)

    def init_poolmanager(self, *args: Any, **how: Any) -> None:
        super().init_poolmanager(*args, **how)
        _watch(self.poolmanager)

    def proxy_manager_for(self, proxy: Any, **how: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **how)
        _watch(manager)
        return manager

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Cover by one attempt what this thread sends and reads until the block ends."""
        attempt = Attempt()
        with self._guard:
            self._attempts.add(attempt)
            if self._is_broken_off:
                attempt.break_off()
        before = _current.set(attempt)
        try:
            yield attempt
        finally:
            _current.reset(before)
            with self._guard:
                self._attempts.discard(attempt)
            attempt.close()

    def break_off(self) -> None:
        """Break off every attempt, also every later one."""
        with self._guard:
            self._is_broken_off = True
            attempts = list(self._attempts)
        for attempt in attempts:
            attempt.break_off()


class _Watched(HTTPConnection):
    """A mixin for connections of urllib3 that hands their socket to the attempt at once."""

    def _new_conn(self) -> Any:
        connection = super()._new_conn()
        current_attempt().uses(connection.fileno())
        return connection

    def request(self, *args: Any, **how: Any) -> None:
        if self.sock is not None:  # kept from an earlier attempt
            current_attempt().uses(self.sock.fileno())
        super().request(*args, **how)


def _watch(manager: Any) -> None:
    kinds = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _watched(kind) for scheme, kind in kinds.items()}


@cache
def _watched(kind: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """Return a class of pools whose connections are watched; those of a SOCKS proxy are not."""
    own: Any = kind.ConnectionCls
    if issubclass(own, _Watched):
        return kind
    connection = type(own.__name__, (_Watched, own), {})
    return type(kind.__name__, (kind,), {"ConnectionCls": connection})
