"""A server on loopback that answers request by request what a test has written down."""

import json
import socket
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

Step = bytes | Callable[[socket.socket], None]


def reply(status: int, body: bytes = b"", *headers: str) -> bytes:
    """One whole HTTP/1.1 answer."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def json_reply(value: object, status: int = 200, *headers: str) -> bytes:
    return reply(status, json.dumps(value).encode(), "Content-Type: application/json", *headers)


def reset(connection: socket.socket) -> None:
    """End the connection the hard way."""
    linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


class ScriptedServer:
    """Answers the n-th request with the n-th step, later ones with the last. heads: the requests.

    A step is sent as it is, or called with the connection.
    """

    def __init__(self, *script: Step) -> None:
        self.heads: list[str] = []
        self._script: Sequence[Step] = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._guard = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                block = connection.recv(65_536)
                if not block:
                    return
                head += block
            with self._guard:
                step = self._script[min(len(self.heads), len(self._script) - 1)]
                self.heads.append(head.decode(errors="replace"))
            try:
                if isinstance(step, bytes):
                    connection.sendall(step)
                else:
                    step(connection)
            except OSError:
                return  # the client has had enough
