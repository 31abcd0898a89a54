"""A place in NOTIFY_URLS or HEARTBEAT_URL: a web server on loopback that keeps what it is told."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

TOKEN = "t0ken-of-the-webhook"
HEARTBEAT_TOKEN = "c0ffee11-dead-4711-8888-000000000000"


@dataclass
class Webhook:
    """A place that is told things.

    notices: what was received, oldest first. beats: what the dead-man's switch was told, as the end
    of its path, with the text. answer: how, after it is kept.
    """

    answer: Callable[[BaseHTTPRequestHandler], None]
    notices: list[dict[str, Any]] = field(default_factory=list)
    beats: list[tuple[str, str]] = field(default_factory=list)
    came: Event = field(default_factory=Event)
    port: int = 0

    @property
    def url(self) -> str:
        """For NOTIFY_URLS."""
        return f"json://127.0.0.1:{self.port}/{TOKEN}"

    @property
    def heartbeat(self) -> str:
        """For HEARTBEAT_URL."""
        return f"http://127.0.0.1:{self.port}/ping/{HEARTBEAT_TOKEN}"

    def only(self) -> str:
        """Title and body of the only notice."""
        (notice,) = self.notices
        return f"{notice['title']}\n{notice['message']}"


def takes(handler: BaseHTTPRequestHandler) -> None:
    """Answer at once."""
    handler.send_response(200)
    handler.end_headers()


@contextmanager
def webhook(answer: Callable[[BaseHTTPRequestHandler], None] = takes) -> Iterator[Webhook]:
    """The server, until the block ends."""
    hook = Webhook(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            told = self.rfile.read(length)
            if self.path.startswith("/ping/"):
                hook.beats.append((self.path.removeprefix("/ping/"), told.decode()))
            else:
                hook.notices.append(json.loads(told))
            hook.came.set()
            try:
                hook.answer(self)
            except OSError:
                return  # the client has had enough

        def log_message(self, format: str, *args: object) -> None:
            """Keep standard error for the tests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        hook.port = server.server_port
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield hook
        server.shutdown()
