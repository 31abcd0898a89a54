"""Proxy on loopback that connects to allowed addresses only.

aria2 follows redirects and resolves names by itself, and no setting forbids it. This proxy is its
only way out, so its destinations are checked here, and a name cannot lead to another address than
the one that was checked.
"""

import logging
import secrets
import selectors
import socket
from base64 import b64encode
from collections.abc import Sequence
from contextlib import closing
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.adapters.http.attempts import Attempt
from meeting_pipeline.errors import RecordError, RetryableError

log = logging.getLogger(__name__)

_BLOCK_BYTES = 1 << 18
_CONNECT_S = 10.0
_REQUEST_S = 10.0
_LONGEST_LINE = 4096
_MOST_LINES = 64
USER = "meeting"


class Tunnel:
    """Proxy that listens as soon as it is made.

    Args:
        hosts: The hosts that may be connected to.

    Attributes:
        port: The port on loopback.
        password: The password for `USER`.
    """

    def __init__(self, hosts: AllowedHosts) -> None:
        self.password = secrets.token_hex(16)
        self._server = _Server(hosts, self.password)
        self.port: int = self._server.server_address[1]
        Thread(target=self._server.serve_forever, name="tunnel", daemon=True).start()

    def close(self) -> None:
        """Accept no further connection; open ones end with their client."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, hosts: AllowedHosts, password: str) -> None:
        self.hosts = hosts
        pair = b64encode(f"{USER}:{password}".encode()).decode()
        self.credentials = f"Basic {pair}"
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        log.debug("a tunnel broke", exc_info=True)


class _Handler(StreamRequestHandler):
    """Handler of one CONNECT request, which then relays bytes until either side ends."""

    server: _Server
    connection: socket.socket
    timeout = _REQUEST_S

    def handle(self) -> None:
        try:
            target, credentials = self._request_in_time()
            if not secrets.compare_digest(credentials, self.server.credentials):
                self._reply("407 Proxy Authentication Required")
                return
            host, _, port = target.rpartition(":")
            upstream = self._connected(host.strip("[]"), int(port))
        except RecordError as refusal:
            log.warning("the tunnel refuses a destination of aria2: %s", refusal)
            self._reply("403 Forbidden")
        except (RetryableError, OSError, ValueError):
            self._reply("502 Bad Gateway")
        else:
            with upstream:
                self._reply("200 Connection established")
                self.connection.settimeout(None)
                _relay(self.connection, upstream)

    def _request_in_time(self) -> tuple[str, str]:
        with closing(Attempt()) as attempt, attempt.within(_REQUEST_S):
            attempt.uses(self.connection.fileno())
            return self._request()

    def _request(self) -> tuple[str, str]:
        """Return the target and the credentials; raise ValueError for anything but CONNECT."""
        method, target, _ = self._line().split(" ")
        if method != "CONNECT":
            raise ValueError(method)
        credentials = ""
        for _ in range(_MOST_LINES):
            name, _, value = self._line().partition(": ")
            if not name:
                return target, credentials
            if name.lower() == "proxy-authorization":
                credentials = value
        raise ValueError("too many headers")

    def _line(self) -> str:
        return self.rfile.readline(_LONGEST_LINE).decode("ascii").rstrip("\r\n")

    def _connected(self, host: str, port: int) -> socket.socket:
        """Connect to the first allowed address that accepts."""
        *spare, last = self.server.hosts.addresses(host, port)
        for address in spare:
            try:
                return _connect(address, port)
            except OSError:
                continue
        return _connect(last, port)

    def _reply(self, status: str) -> None:
        self.wfile.write(f"HTTP/1.1 {status}\r\n\r\n".encode())


def _connect(address: str, port: int) -> socket.socket:
    upstream = socket.create_connection((address, port), timeout=_CONNECT_S)
    upstream.settimeout(None)
    return upstream


def _relay(*ends: socket.socket) -> None:
    """Pass on bytes until either side ends; the other side notices that bytes are missing."""
    others = dict(zip(ends, reversed(ends), strict=True))
    buffer = memoryview(bytearray(_BLOCK_BYTES))
    try:
        with selectors.DefaultSelector() as ready:
            for end in ends:
                ready.register(end, selectors.EVENT_READ)
            while all(_pass_on(end, others[end], buffer) for end in _readable(ready)):
                pass
    except OSError:
        return  # one connection broke; the caller closes both


def _readable(ready: selectors.BaseSelector) -> Sequence[socket.socket]:
    ends = (key.fileobj for key, _ in ready.select())
    return [end for end in ends if isinstance(end, socket.socket)]


def _pass_on(source: socket.socket, target: socket.socket, buffer: memoryview) -> bool:
    """Pass on the bytes that have arrived; return False when the source has ended."""
    count = source.recv_into(buffer)
    target.sendall(buffer[:count])
    return count > 0
