"""HTTP connections that can be broken off by another thread, whatever they are waiting for."""

import errno
import os
import socket
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Any
from weakref import WeakMethod, WeakSet

import requests
from requests.adapters import HTTPAdapter


class BreakableAdapter(HTTPAdapter):
    """Knows its connections and the answers that are being read; see `break_off`."""

    def __init__(self, pool_connections: int, pool_maxsize: int) -> None:
        self._connections: WeakSet[Any] = WeakSet()
        self._answers: WeakSet[Any] = WeakSet()
        self._guard = Lock()
        self._is_broken_off = False
        super().__init__(pool_connections=pool_connections, pool_maxsize=pool_maxsize)

    def init_poolmanager(self, *args: Any, **how: Any) -> None:
        super().init_poolmanager(*args, **how)
        self._watch(self.poolmanager)

    def proxy_manager_for(self, proxy: Any, **how: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **how)
        self._watch(manager)
        return manager

    def send(self, *args: Any, **how: Any) -> requests.Response:
        response = super().send(*args, **how)
        with self._guard:
            self._answers.add(response.raw)
        return response

    def break_off(self) -> None:
        """Whoever sends, waits or reads fails at once, and whoever connects as soon as it has.

        Idle connections end, too.
        """
        with self._guard:
            self._is_broken_off = True
            connections, answers = list(self._connections), list(self._answers)
        for connection in connections:
            if isinstance(connection.sock, socket.socket):
                with suppress(OSError):  # past TLS: another thread is in the middle of it
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
        for answer in answers:
            with suppress(OSError, RuntimeError, ValueError):  # read to its end already
                answer.shutdown()

    def _watch(self, manager: Any) -> None:
        kinds = manager.pool_classes_by_scheme
        if not any(isinstance(kind, partial) for kind in kinds.values()):
            watched = {scheme: partial(self._pool, kind) for scheme, kind in kinds.items()}
            manager.pool_classes_by_scheme = watched

    def _pool(self, kind: Any, *args: Any, **how: Any) -> Any:
        pool = kind(*args, **how)
        pool.ConnectionCls = partial(self._connection, pool.ConnectionCls)
        return pool

    def _connection(self, kind: Any, *args: Any, **how: Any) -> Any:
        connection = kind(*args, **how)
        # weak, or only the collector would free the connection
        connection.connect = partial(self._connect, WeakMethod(connection.connect))
        with self._guard:
            self._connections.add(connection)
        return connection

    def _connect(self, connect: Any) -> None:
        """Fail where `break_off` came before there was a socket that it could shut."""
        connect()()
        with self._guard:
            is_too_late = self._is_broken_off
        if is_too_late:
            raise ConnectionAbortedError(errno.ECONNABORTED, os.strerror(errno.ECONNABORTED))
