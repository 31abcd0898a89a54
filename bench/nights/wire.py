"""A small HTTP/1.1 server on asyncio that costs next to nothing per call.

Requests are those of the sandbox, so that its judges can be asked; replies may be long and slow.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from meeting_pipeline.sandbox.wire import Request

LONGEST_HEAD = 1 << 16


@dataclass(frozen=True)
class Answer:
    """body: whole, or pieces that come as they may, `length` bytes of them.

    drop_after: the connection is cut after that many bytes of the body.
    """

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    pieces: AsyncIterator[bytes | memoryview] | None = None
    length: int = 0
    drop_after: int | None = None


Handler = Callable[[Request], Awaitable[Answer]]


def json_answer(status: int, value: object, *headers: tuple[str, str]) -> Answer:
    body = json.dumps(value, ensure_ascii=False).encode()
    return Answer(status, body, (("Content-Type", "application/json"), *headers))


def text_answer(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    return Answer(status, text.encode(), (("Content-Type", "text/plain; charset=utf-8"), *headers))


async def listen(handler: Handler) -> tuple[asyncio.Server, int]:
    """Serve on a free loopback port until the server is closed."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await _exchange(handler, reader, writer):
                pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20, backlog=512)
    return server, server.sockets[0].getsockname()[1]


async def _exchange(
    handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """One request and its answer; returns whether the connection stays."""
    request = await _read(reader, writer)
    answer = await handler(request)
    length = answer.length if answer.pieces else len(answer.body)
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines += [f"Content-Length: {length}", "", ""]
    writer.write("\r\n".join(lines).encode())
    if request.method == "HEAD":
        return True
    if answer.pieces is None:
        writer.write(answer.body)
        await writer.drain()
        return True
    return await _send_slowly(answer, writer)


async def _send_slowly(answer: Answer, writer: asyncio.StreamWriter) -> bool:
    sent = 0
    assert answer.pieces
    async for piece in answer.pieces:
        writer.write(piece)
        await writer.drain()
        sent += len(piece)
        if answer.drop_after is not None and sent >= answer.drop_after:
            writer.transport.abort()
            return False
    return True


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name, value.strip()) for name, _, value in pairs)
    request = Request(method, target, headers)
    if request.loosely("Expect"):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    size = int(request.loosely("Content-Length") or 0)
    return Request(method, target, headers, await reader.readexactly(size) if size else b"")
