"""A chat server that gives the answers that a test has written down, and a client of it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.adapters.llm.openai_compatible import ChatSummarizer
from tests.support.sandbox_client import Clock
from tests.support.scripted_server import ScriptedServer, Step, reply
from tests.support.virtual_time import VirtualStop

REPLY = json.dumps(
    {
        "title": "简历投递 JZ",
        "abstract": "讨论简历。",
        "key_points": [],
        "decisions": [],
        "action_items": [],
        "student_notes": [],
        "phase": "简历优化",
        "confidence": 0.8,
        "evidence": [],
    },
    ensure_ascii=False,
)


def completion(content: str, tokens: str = "3") -> bytes:
    """Return a whole HTTP answer with this content; tokens is JSON."""
    choice = {"index": 0, "message": {"content": content}, "finish_reason": "stop"}
    usage = f'{{"prompt_tokens": {tokens}, "completion_tokens": {tokens}}}'
    return reply(200, f'{{"choices": [{json.dumps(choice)}], "usage": {usage}}}'.encode())


@contextmanager
def strict_server(answer: Callable[[dict[str, Any]], tuple[int, bytes]]) -> Iterator["Bodies"]:
    """Yield the bodies that a server on loopback is sent, which answers each by a rule."""
    bodies = Bodies()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            bodies.seen.append(body)
            status, said = answer(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    bodies.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield bodies
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Bodies:
    """The requests of a server, and its address."""

    url: str = ""
    seen: list[dict[str, Any]] = field(default_factory=list)


def chat_server(*script: Step) -> ScriptedServer:
    """Return a server on loopback that answers request by request."""
    return ScriptedServer(*script)


def summarizer_of(server: ScriptedServer | Bodies, **changes: Any) -> ChatSummarizer:
    """Return a client of the server, on a clock that only waiting moves."""
    clock = Clock()
    stop = VirtualStop(clock)
    arguments: dict[str, Any] = {
        "base_url": f"{server.url}/v1",
        "api_key": "sk-test",
        "model": "qwen3",
        "rate": RateLimit(None, stop=stop, clock=clock),
        "stop": stop,
        "zone": ZoneInfo("Asia/Shanghai"),
        "prompt_price": 12.0,
        "clock": clock,
    }
    return ChatSummarizer(**(arguments | changes))
