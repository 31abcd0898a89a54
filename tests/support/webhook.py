"""A place in NOTIFY_URLS: a web server on loopback that keeps what it is told."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

TOKEN = "t0ken-of-the-webhook"


@dataclass
class Webhook:
    """notices: what was received, oldest first. answer: how, after the notice is kept."""

    answer: Callable[[BaseHTTPRequestHandler], None]
    notices: list[dict[str, Any]] = field(default_factory=list)
    came: Event = field(default_factory=Event)
    port: int = 0

    @property
    def url(self) -> str:
        """For NOTIFY_URLS."""
        return f"json://127.0.0.1:{self.port}/{TOKEN}"

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
            hook.notices.append(json.loads(self.rfile.read(length)))
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
