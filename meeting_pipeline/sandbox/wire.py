"""Sockets that receive raw requests and send replies, also broken ones.

Header names keep the spelling they had on the wire, the request target is never normalised, and
a reply may be cut, slow, without length, or no reply at all.
"""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Json = dict[str, Any]
"""A JSON object, or the fields of a form, as they come and go over HTTP."""

MAX_BODY = 256 * 1024 * 1024


@dataclass(frozen=True)
class Request:
    """One HTTP request as received; the target is path and query, byte for byte."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    @property
    def path(self) -> str:
        """Return the path with percent escapes resolved."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        """Return the query values; the last one of a name counts."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def header(self, name: str) -> str | None:
        """Return the value of the header with exactly this spelling, or None."""
        return next((value for key, value in self.headers if key == name), None)

    def loosely(self, name: str) -> str | None:
        """Return the value of the header in any spelling, as ordinary HTTP servers do."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes:
        status: The HTTP status.
        chunks: The bytes that are sent; fewer than `length` close the connection early.
        length: The Content-Length; None sends none and closes the connection at the end.
        headers: Names and values.
        dropped: Whether the connection is reset instead.
        sent: Called with the bytes of the body before they are sent.
    """

    status: int
    chunks: Iterable[bytes] = ()
    length: int | None = 0
    headers: tuple[tuple[str, str], ...] = field(default=())
    dropped: bool = False
    sent: Callable[[int], None] | None = None


def bytes_reply(status: int, content: bytes, kind: str, *headers: tuple[str, str]) -> Reply:
    """Return a whole reply of this content type."""
    return Reply(status, (content,), len(content), (("Content-Type", kind), *headers))


def json_reply(status: int, value: Any, *headers: tuple[str, str]) -> Reply:
    """Return a JSON reply."""
    content = json.dumps(value, ensure_ascii=False).encode()
    return bytes_reply(status, content, "application/json; charset=utf-8", *headers)


DROPPED = Reply(0, dropped=True)


class Listener:
    """A threaded HTTP/1.1 server on a free loopback port; `answer` judges each request."""

    def __init__(self, answer: Callable[[Request], Reply], now: Callable[[], float]) -> None:
        self._connections: set[socket.socket] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, answer, now))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )

    @property
    def url(self) -> str:
        """Return the address without a trailing slash."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and cut every open connection."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def opened(self, connection: socket.socket) -> None:
        self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        self._connections.discard(connection)


def _handler(
    listener: Listener, answer: Callable[[Request], Reply], now: Callable[[], float]
) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        def setup(self) -> None:
            super().setup()
            listener.opened(self.connection)

        def finish(self) -> None:
            listener.closed(self.connection)
            with contextlib.suppress(ConnectionError):
                super().finish()

        def reply_to(self, request: Request) -> Reply:
            return answer(request)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(now() if timestamp is None else timestamp, usegmt=True)

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120

    def reply_to(self, request: Request) -> Reply:
        raise NotImplementedError

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the ledger records the request, and targets contain credentials."""

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def _serve(self) -> None:
        request = self._read()
        if request is None:
            self._send(bytes_reply(411, b"Content-Length wanted", "text/plain"), head_only=False)
            self.close_connection = True
            return
        self._send(self.reply_to(request), head_only=request.method == "HEAD")

    do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = _serve

    def _read(self) -> Request | None:
        if self.headers.get("Transfer-Encoding"):
            return None
        size = min(int(self.headers.get("Content-Length") or 0), MAX_BODY)
        method, target = self.requestline.split(" ")[:2]
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionError("the client closed the connection in the middle of its request")
        return Request(method, target, tuple(self.headers.items()), body)

    def _send(self, reply: Reply, *, head_only: bool) -> None:
        if reply.dropped:
            self._reset()
            return
        self.send_response_only(reply.status)
        self.send_header("Date", self.date_time_string())
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.length is None:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(reply.length))
        self.end_headers()
        sent = 0 if head_only else self._send_chunks(reply)
        if not head_only and sent != reply.length:
            self.close_connection = True

    def _send_chunks(self, reply: Reply) -> int:
        sent = 0
        for chunk in reply.chunks:
            if reply.sent:  # first, for who has it may ask at once how much there was
                reply.sent(len(chunk))
            self.wfile.write(chunk)
            sent += len(chunk)
        return sent

    def _reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
