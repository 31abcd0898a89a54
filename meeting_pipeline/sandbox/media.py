"""The download host: links with a token and a lifetime, byte ranges, and faults."""

import hashlib
import re
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from .bench import Bench
from .company import Content, size_of
from .faults import HTML, Kind, Strike, instead, spoil
from .tencent_gate import credential_headers
from .wire import Reply, Request, bytes_reply

STEP = 16 * 1024
TYPES = {"mp4": "video/mp4", "m4a": "audio/mp4", "txt": "text/plain; charset=utf-8"}
DENIED = (
    b'<?xml version="1.0" encoding="utf-8"?>\n'
    b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
)


@dataclass
class Link:
    """The file that a token opens, and its expiry in Unix seconds."""

    path: str
    content: Content
    expires_at: float


class MediaHost:
    """Hands out links and answers requests for them."""

    def __init__(self, ttl_s: float, bench: Bench) -> None:
        self.url = ""
        self._ttl_s, self._bench, self._ledger = ttl_s, bench, bench.ledger
        self._links: dict[str, Link] = {}
        self._lock = threading.Lock()

    def link(self, name: str, content: Content) -> str:
        """Return a fresh signed address of this file."""
        token, path = secrets.token_urlsafe(48), f"/cos/200000001/{name}"
        with self._lock:
            self._links[token] = Link(path, content, self._bench.now() + self._ttl_s)
        return f"{self.url}{quote(path)}?token={token}"

    def expire_links(self) -> None:
        """Expire all links handed out so far: they answer 403."""
        with self._lock:
            for link in self._links.values():
                link.expires_at = 0.0

    def answer(self, request: Request) -> Reply:
        """Check the request, record it in the ledger, and answer it."""
        self._ledger.call("media")
        if names := credential_headers(request):
            self._ledger.violation("credentials_on_media_host", "media", ", ".join(names))
            return bytes_reply(400, DENIED, "application/xml")
        if request.method not in ("GET", "HEAD"):
            self._ledger.violation("media_method", "media", request.method)
            return bytes_reply(405, DENIED, "application/xml")
        strike = self._bench.faults.strike("media", request.path)
        if fault := strike.get(Kind.REDIRECT):
            return bytes_reply(302, b"", "text/plain", ("Location", fault.text))
        link = self._links.get(request.query.get("token", ""))
        if not link or link.path != request.path or Kind.FORBIDDEN in strike:
            return self._denied()
        if link.expires_at <= self._bench.now():
            return self._denied()
        return instead(strike) or spoil(
            self._file(request, link, strike), strike, self._bench.pause
        )

    def _denied(self) -> Reply:
        self._ledger.error("media", "403")
        return bytes_reply(403, DENIED, "application/xml")

    def _file(self, request: Request, link: Link, strike: Strike) -> Reply:
        content = _as_struck(link.content, strike)
        size, tag = size_of(content), _tag(content)
        span = _span(request, size, tag) if Kind.NO_RANGE not in strike else None
        kind = TYPES[link.path.rpartition(".")[2]]
        headers: tuple[tuple[str, str], ...] = (("Content-Type", kind), ("ETag", tag))
        if Kind.NO_RANGE not in strike:
            headers += (("Accept-Ranges", "bytes"),)
        count = partial(self._bench.ledger.sent, _file_key(link.path), size)
        if span is None:
            chunks = _chunks(link, content, (0, size), strike)
            return Reply(200, chunks, size, headers, sent=count)
        start, stop = span
        if start >= stop:
            unsatisfied = ("Content-Range", f"bytes */{size}")
            return bytes_reply(416, b"", "application/xml", unsatisfied)
        headers += (("Content-Range", f"bytes {start}-{stop - 1}/{size}"),)
        if Kind.WRONG_BYTES in strike:
            content = _inverted(content)
        return Reply(206, _chunks(link, content, span, strike), stop - start, headers, sent=count)


def _chunks(link: Link, content: Content, span: tuple[int, int], strike: Strike) -> Iterator[bytes]:
    dies = strike.get(Kind.EXPIRES_AFTER)
    if dies is None:
        yield from _read(content, *span)
        return
    start, stop = span
    yield from _read(content, start, min(stop, start + int(dies.amount)))
    link.expires_at = 0.0


def _file_key(path: str) -> str:
    """Return the name of a file in the ledger: record_file_id and suffix."""
    record_file_id, name = path.split("/")[-2:]
    return f"{record_file_id}.{name.rpartition('.')[2]}"


def _read(content: Content, start: int, stop: int) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield from (content[at : min(at + STEP, stop)] for at in range(start, stop, STEP))
        return
    with content.open("rb") as file:
        file.seek(start)
        for at in range(start, stop, STEP):
            yield file.read(min(STEP, stop - at))


def _span(request: Request, size: int, tag: str) -> tuple[int, int] | None:
    """Return the requested half-open byte range, or None for the whole file."""
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.loosely("Range") or "")
    if not wanted or wanted[0] == "bytes=-" or request.loosely("If-Range") not in (None, tag):
        return None
    first, last = wanted.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(int(last) + 1, size) if last else size


def _tag(content: Content) -> str:
    if isinstance(content, bytes):
        return f'"{hashlib.sha1(content, usedforsecurity=False).hexdigest()}"'
    state = content.stat()
    return f'"{state.st_mtime_ns:x}-{state.st_size:x}"'


def _as_struck(content: Content, strike: Strike) -> Content:
    """Return the object changed by the faults; an unchanged one is read from disk."""
    if fault := strike.get(Kind.CHANGED):
        return fault.content
    if Kind.HOLE in strike:
        third = size_of(content) // 3
        return _overwritten(content, third, b"\0" * third)
    if Kind.HTML_INSIDE in strike:
        return _overwritten(content, size_of(content) // 2, HTML)
    return content


def _overwritten(content: Content, at: int, patch: bytes) -> bytes:
    whole = _bytes(content)
    return whole[:at] + patch + whole[at + len(patch) :]


def _inverted(content: Content) -> bytes:
    return bytes(255 - byte for byte in _bytes(content))


def _bytes(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()
