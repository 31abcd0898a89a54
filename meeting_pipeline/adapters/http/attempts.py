"""One HTTP request and its answer, with a deadline, which another thread can break off.

A socket's own timeout starts over with every byte, so an answer that trickles in never exceeds it.
Therefore the connection is shut down at the deadline, and the call that blocks on it fails at once:

    with adapter.attempt() as attempt:
        with attempt.within(60):
            response = session.send(...)

What does not wait on a socket cannot be broken off: the lookup of a name ends when the system's
resolver gives up, and an attempt to connect with the connect timeout, once for each address.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf
from threading import Condition, Lock, Thread
from time import monotonic


class Attempt:
    """A request under way and the connection that serves it, in any phase.

    Attributes:
        is_late: Whether it was broken off because its deadline had passed.
    """

    def __init__(self) -> None:
        self.is_late = False
        self._is_broken_off = False
        self._socket: socket.socket | None = None
        self._guard = Lock()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Break the attempt off if the block takes longer than this.

        The block then fails in its own way, or sees the end of a body without a length: `is_late`
        tells whether that was the reason.

        Args:
            seconds: How long the block may take.
        """
        deadline = _Deadline(monotonic() + seconds, self)
        _watch.add(deadline)
        try:
            yield
        finally:
            _watch.remove(deadline)

    def uses(self, descriptor: int) -> None:
        """Remember the connection that serves the request now, instead of the last one.

        The descriptor is duplicated: the socket of a connection changes its owner during the TLS
        handshake and with the last answer, and shutting down a duplicate has the same effect.

        Args:
            descriptor: Of a connected socket.
        """
        with self._guard:
            self._forget()
            self._socket = socket.socket(fileno=os.dup(descriptor))
            if self._is_broken_off:
                self._shut_down()

    def break_off(self) -> None:
        """Shut the connection down, or, if it is being opened, as soon as it is open.

        Sending, waiting and reading fail at once. Any thread may call it.
        """
        with self._guard:
            self._is_broken_off = True
            self._shut_down()

    def expire(self) -> None:
        """Break the attempt off because its deadline has passed."""
        self.is_late = True
        self.break_off()

    def close(self) -> None:
        """Forget the connection, which its pool may keep for the next request."""
        with self._guard:
            self._forget()

    def _forget(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None

    def _shut_down(self) -> None:
        if self._socket:
            with suppress(OSError):  # the other side has closed it already
                self._socket.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, eq=False)
class _Deadline:
    at: float
    attempt: Attempt


class _Watch:
    """A thread that breaks off late attempts: one for all of them, as one for each costs 0.1 ms."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._deadlines: set[_Deadline] = set()
        self._wakes_at = inf
        self._thread: Thread | None = None

    def add(self, deadline: _Deadline) -> None:
        with self._changed:
            self._deadlines.add(deadline)
            if self._thread is None or not self._thread.is_alive():  # a fork does not copy it
                self._thread = Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            elif deadline.at < self._wakes_at:
                self._changed.notify()

    def remove(self, deadline: _Deadline) -> None:
        with self._changed:
            self._deadlines.discard(deadline)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = monotonic()
                for late in [one for one in self._deadlines if one.at <= now]:
                    self._deadlines.remove(late)
                    late.attempt.expire()
                self._wakes_at = min((one.at for one in self._deadlines), default=inf)
                self._changed.wait(None if self._wakes_at == inf else self._wakes_at - now)


_watch = _Watch()
