"""Fault injection: which fault, at which endpoint, at which calls."""

import sys
import threading
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum, auto

from .wire import DROPPED, Reply, bytes_reply

EVERY: Container[int] = range(1, sys.maxsize)
HTML = "<html><head><title>502 Bad Gateway</title></head><body>网关错误</body></html>".encode()


class Kind(StrEnum):
    """The kind of a fault. `amount`, `text` and `content` are fields of the Fault."""

    # any endpoint
    HTML_502 = auto()  # the error page of a gateway
    HTML_200 = auto()  # the same page with status 200
    HTTP_500 = auto()
    HTTP_503 = auto()  # Retry-After: amount seconds, or none when 0
    HTTP_429 = auto()  # Retry-After: text (seconds or a date), or none when ""
    RESET = auto()  # connection reset before anything is done
    LOST_REPLY = auto()  # the work is done and paid for, then the connection is reset
    STALL = auto()  # nothing for amount seconds, then the reply
    THROTTLE = auto()  # the body at amount bytes per second
    TRUNCATED = auto()  # Content-Length of the whole, half of the bytes (or amount of them)
    SHORT_NO_LENGTH = auto()  # no Content-Length, half of the bytes
    EMPTY_200 = auto()
    # Tencent API
    ERROR_CODE = auto()  # refuse with error code amount
    ERROR_UNDER_200 = auto()  # errors come with HTTP 200
    LONG_CODES = auto()  # the nine- or ten-digit form in error_code
    NO_NEW_ERROR_CODE = auto()
    EXTRA_FIELDS = auto()
    NULL_FIELDS = auto()  # every field of every row is null
    WRONG_TYPES = auto()  # lists become text, numbers become lists
    HUGE_BODY = auto()  # amount bytes of blanks before the JSON
    NO_TOTAL_PAGE = auto()
    WRONG_TOTAL_PAGE = auto()  # total_page is amount
    EMPTY_PAGE = auto()
    FULL_PAGE_FOR_EVER = auto()  # page 1, whatever page was requested
    DUPLICATE_ROWS = auto()  # the last row of the page twice
    NO_AUDIO_ADDRESS = auto()
    EMPTY_ADDRESSES = auto()
    SIZE_ZERO = auto()
    SIZE_WRONG = auto()
    SECONDS_FOR_MS = auto()  # record times in seconds
    # media host
    FORBIDDEN = auto()  # 403, as after expiry
    EXPIRES_AFTER = auto()  # the link dies after amount bytes of this reply
    WRONG_BYTES = auto()  # 206 with another object's bytes
    HOLE = auto()  # the middle third is zeros, the size is right
    HTML_INSIDE = auto()  # an HTML page in the middle, the size is right
    CHANGED = auto()  # another object under the same address: content
    NO_RANGE = auto()  # Range is ignored: 200 and the whole
    REDIRECT = auto()  # 302 to text
    # transcription
    NO_VERBOSE_JSON = auto()  # 400 for response_format=verbose_json
    ONLY_TEXT = auto()  # 400 for every response_format but text
    NO_M4A = auto()  # refuses a file of that name, by status `amount`
    NO_SEGMENTS = auto()
    WRONG_DURATION = auto()  # duration is amount
    SEGMENT_LOST = auto()  # 200 with a hole in the middle
    EMPTY_TEXT = auto()
    HALLUCINATION = auto()  # one word repeated
    TOO_LARGE = auto()  # 413 above amount bytes
    # both AI endpoints; FORBIDDEN is 403 permission_denied_error there
    QUOTA = auto()
    OVERLOADED = auto()
    RATE_LIMIT = auto()  # 429 "please try again after amount seconds"
    BARE_ERROR = auto()  # 400 with a bare JSON string, as some vendors answer
    # chat
    CONTENT_FILTER = auto()  # 400 content_filter
    FINISH_FILTER = auto()  # 200, finish_reason content_filter, no content
    NO_JSON_SCHEMA = auto()  # 400 for response_format json_schema
    CONTEXT_LIMIT = auto()  # 400 above amount prompt tokens
    FENCED = auto()
    TRAILING_TEXT = auto()
    NOT_JSON = auto()
    DUPLICATE_KEY = auto()
    NAN = auto()
    WRONG_ENUM = auto()
    MISSING_KEY = auto()
    INVENTED_QUOTE = auto()
    HUGE_ANSWER = auto()  # 10 MB
    EMPTY_CHOICES = auto()
    EMPTY_CONTENT = auto()
    FINISH_LENGTH = auto()


@dataclass(frozen=True)
class Fault:
    """A fault for requests to `where` whose target or file name contains `match`.

    `where` is "records", "corp_records", "addresses", "participants", "users", "history", "media",
    "transcriptions", "chat", "models", or "" for all. `calls` are the numbers of the affected
    requests, counted from 1 and per fault from the moment it is added.
    """

    kind: Kind
    where: str = ""
    match: str = ""
    calls: Container[int] = EVERY
    amount: float = 0.0
    text: str = ""
    content: bytes = b""


Strike = dict[Kind, Fault]
"""The faults that apply to one request."""


class Faults:
    """The active faults; they may be changed while the servers run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[int, int] = {}
        self._faults: list[Fault] = []

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
            self._seen.clear()

    def strike(self, where: str, text: str) -> Strike:
        """Return the faults for this request, and count it for each fault that it matches."""
        with self._lock:
            return {
                fault.kind: fault
                for place, fault in enumerate(self._faults)
                if fault.where in ("", where) and fault.match in text and self._due(place, fault)
            }

    def _due(self, place: int, fault: Fault) -> bool:
        self._seen[place] = self._seen.get(place, 0) + 1
        return self._seen[place] in fault.calls


def instead(strike: Strike) -> Reply | None:
    """Return the reply of a fault that happens before any work, or None."""
    return next((make(strike[kind]) for kind, make in INSTEAD.items() if kind in strike), None)


def _waiting(status: int, wait: str) -> Reply:
    headers = [("Retry-After", wait)] if wait else []
    return bytes_reply(status, b"try again later", "text/plain", *headers)


INSTEAD: dict[Kind, Callable[[Fault], Reply]] = {
    Kind.RESET: lambda _: DROPPED,
    Kind.HTML_502: lambda _: bytes_reply(502, HTML, "text/html; charset=utf-8"),
    Kind.HTML_200: lambda _: bytes_reply(200, HTML, "text/html; charset=utf-8"),
    Kind.HTTP_500: lambda _: bytes_reply(500, b"internal error", "text/plain"),
    Kind.HTTP_503: lambda fault: _waiting(503, f"{fault.amount:g}" if fault.amount else ""),
    Kind.HTTP_429: lambda fault: _waiting(429, fault.text),
}


def spoil(reply: Reply, strike: Strike, pause: Callable[[float], object]) -> Reply:
    """Return the reply changed by the faults of the transport.

    `pause` waits for the given seconds, or less when the sandbox stops.
    """
    if fault := strike.get(Kind.STALL):
        pause(fault.amount)
    if Kind.LOST_REPLY in strike:
        return DROPPED
    if Kind.EMPTY_200 in strike:
        return replace(reply, status=200, chunks=(), length=0)
    if fault := strike.get(Kind.TRUNCATED):
        keep = int(fault.amount) or (reply.length or 0) // 2
        return replace(reply, chunks=_first(reply.chunks, keep))
    if Kind.SHORT_NO_LENGTH in strike:
        return replace(reply, chunks=_first(reply.chunks, (reply.length or 0) // 2), length=None)
    if fault := strike.get(Kind.THROTTLE):
        return replace(reply, chunks=_slowly(reply.chunks, fault.amount, pause))
    return reply


def _first(chunks: Iterable[bytes], keep: int) -> Iterator[bytes]:
    for chunk in chunks:
        if keep <= 0:
            return
        yield chunk[:keep]
        keep -= len(chunk)


def _slowly(
    chunks: Iterable[bytes], rate: float, pause: Callable[[float], object]
) -> Iterator[bytes]:
    step = max(1, int(rate / 10))
    for chunk in chunks:
        for start in range(0, len(chunk), step):
            yield chunk[start : start + step]
            pause(len(chunk[start : start + step]) / rate)
