"""A media host on a raw socket, with everything that goes wrong on the way."""

import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass
class Exchange:
    """One request and the socket to answer it on; number: how many came before it."""

    path: str
    headers: dict[str, str]
    number: int
    socket: socket.socket
    server: "FaultServer"

    @property
    def asked(self) -> tuple[int, int] | None:
        """First and last byte of the range that was asked for."""
        found = _RANGE.fullmatch(self.headers.get("range", ""))
        last = len(self.server.data) - 1
        return (int(found[1]), min(int(found[2] or last), last)) if found else None

    @property
    def is_probe(self) -> bool:
        return self.headers.get("range") == "bytes=0-0"

    def head(self, status: str, **headers: object) -> None:
        lines = [f"HTTP/1.1 {status}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def body(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def serve(
        self,
        share: float = 1.0,
        ranges: bool = True,
        if_range: bool = True,
        **of_a_range: object,
    ) -> None:
        """Answer as a good server does, and send `share` of the body.

        of_a_range: further headers of an answer that is a part.
        """
        data, etag, asked = self.server.data, self.server.etag, self.asked
        if if_range and self.headers.get("if-range", etag) != etag:
            asked = None
        if asked and ranges:
            body = data[asked[0] : asked[1] + 1]
            where = f"bytes {asked[0]}-{asked[1]}/{len(data)}"
            usual = {"Content_Length": len(body), "Content_Range": where, "ETag": etag}
            self.head("206 Partial Content", **usual, **of_a_range)
        else:
            body = data
            self.head("200 OK", Content_Length=len(body), ETag=etag)
        self.body(body[: int(len(body) * share)])


Behaviour = Callable[[Exchange], None]


def healthy(exchange: Exchange) -> None:
    exchange.serve()


def at_first(times: int, fault: Behaviour, then: Behaviour = healthy) -> Behaviour:
    """The fault for the first so many requests of bytes (a look at the first byte is none)."""
    counted = iter(range(times))

    def behave(exchange: Exchange) -> None:
        broken = not exchange.is_probe and next(counted, None) is not None
        (fault if broken else then)(exchange)

    return behave


@dataclass
class FaultServer:
    """Serves `data` under every path, as `behaviour` has it; keeps what was asked."""

    data: bytes
    behaviour: Behaviour = healthy
    etag: str = '"one"'
    asked: list[Exchange] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    tls: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        name = quote("录音.m4a")
        where = f"https://localhost:{self.port}" if self.tls else f"http://127.0.0.1:{self.port}"
        return f"{where}/cos/{name}?token=CANARY-signed-link"

    @contextmanager
    def running(self) -> Iterator["FaultServer"]:
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
            self.port = listener.getsockname()[1]
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
            yield self
            self.over.set()
            listener.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while not self.over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection:
                if exchange := self._read(connection):
                    self.asked.append(exchange)
                    self.behaviour(exchange)
        except OSError:
            return  # the client has gone

    def _read(self, connection: socket.socket) -> Exchange | None:
        lines = connection.makefile("rb")
        request = lines.readline().decode().split(" ")
        headers = {}
        while line := lines.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if len(request) < 3:
            return None
        return Exchange(request[1], headers, len(self.asked), connection, self)
