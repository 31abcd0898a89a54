"""Servers that are never silent for long and never done: no timeout between two bytes ends that."""

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

Step = Callable[[socket.socket], None]

_PAUSE_S = 0.02
_OK = b"HTTP/1.1 200 OK\r\n"
_TLS_RECORD = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"  # a long hello of a server begins so


@dataclass(frozen=True)
class Trickle:
    """Sends `begin`, then `again` and again, until the client hangs up."""

    begin: bytes
    again: bytes

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(self.begin)
        while not threading.Event().wait(_PAUSE_S):
            connection.sendall(self.again)


HEADS = {
    "status line": Trickle(b"HTTP/1.1 200 ", b"O"),
    "header": Trickle(_OK + b"X-Slow: ", b"a"),
    "header lines": Trickle(_OK, b"X-Slow: a\r\n"),
    "100 Continue": Trickle(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}
BODIES = {
    "body": Trickle(_OK + b"Content-Length: 1000000\r\n\r\n", b" "),
    "body without a length": Trickle(_OK + b"\r\n", b" "),
    "size of a chunk": Trickle(_OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "chunks": Trickle(_OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "trailers": Trickle(_OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Slow: a\r\n"),
    "gzip of nothing": Trickle(_OK + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"")),
}
HANDSHAKE = Trickle(_TLS_RECORD, b"\0")


def reads_nothing(connection: socket.socket) -> None:
    """Let the client send until no buffer takes more."""
    connection.recv(1)
    threading.Event().wait(60)


def spoken_to(answer: Step) -> Step:
    """The same, once a request has come."""

    def behave(connection: socket.socket) -> None:
        connection.recv(65_536)
        answer(connection)

    return behave


@contextmanager
def listening(behave: Step) -> Iterator[int]:
    """A server that has every connection answered by `behave`; gives its port."""

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                behave(connection)
            except OSError:
                return  # the client has had enough

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=[connection], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
