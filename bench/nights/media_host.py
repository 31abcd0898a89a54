"""The download host of the benchmark: one line that everybody shares, ranges, links that expire."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from functools import cached_property
from pathlib import Path

from bench.nights.plan import TRUNCATED_SHARE, Fate, Night
from bench.nights.wire import Answer, text_answer
from meeting_pipeline.sandbox.company import Content
from meeting_pipeline.sandbox.tencent_gate import credential_headers
from meeting_pipeline.sandbox.wire import Request

_STEP = 1 << 17
_SLACK_S = 0.05  # what a late timer may make up for
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body>502</body></html>"
_PADDING = memoryview(bytes(1 << 24))
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class SharedLine:
    """A line that all downloads share: a number of bytes a second, first come first served."""

    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._free_at = 0.0

    async def take(self, size: int) -> None:
        """Wait until that many bytes have passed."""
        now = time.monotonic()
        self._free_at = max(self._free_at, now - _SLACK_S) + size / self._bytes_per_s
        if self._free_at > now:
            await asyncio.sleep(self._free_at - now)


class Film:
    """The media of one record: a clip, padding in a `free` box, and its own last bytes."""

    def __init__(self, clip: Path, size: int, number: int) -> None:
        self._clip, self._number, self.size = clip, number, size

    @cached_property
    def _parts(self) -> tuple[memoryview, ...]:
        content = self._clip.read_bytes()
        box, end = self.size - len(content), f"{self._number:016d}".encode()
        head = box.to_bytes(4, "big") + b"free"
        return (memoryview(content), memoryview(head), *_padding(box - 24), memoryview(end))

    def pieces(self, start: int, stop: int) -> list[memoryview]:
        """These bytes in pieces of a step at most."""
        found, at = [], 0
        for part in self._parts:
            inside = part[max(0, start - at) : max(0, stop - at)]
            found += [inside[one : one + _STEP] for one in range(0, len(inside), _STEP)]
            at += len(part)
        return found


def _padding(size: int) -> list[memoryview]:
    whole, rest = divmod(size, len(_PADDING))
    return [_PADDING] * whole + [_PADDING[:rest]]


class MediaHost:
    """Answers GET /media/PLACE.mp4?token=…; a fate strikes a record's first request for its bytes.

    sent: bytes by place. struck: how often each fate struck.
    """

    def __init__(self, url: str, films: list[Film], silent: Film) -> None:
        self.url, self._films, self._silent = url, films, silent
        self.reset(Night())

    def reset(self, night: Night) -> None:
        """Forget everything, and be the host of this night."""
        self._night, self._line = night, SharedLine(night.bytes_per_s)
        self._tokens = 0
        self.sent: Counter[int] = Counter()
        self.struck: Counter[Fate] = Counter()
        self._met: set[int] = set()

    def link(self, name: str, _: Content = b"") -> str:
        """A fresh link to what the meeting API calls .../PLACE-…/….mp4."""
        self._tokens += 1
        place = name.split("/")[1].removeprefix("9")
        return f"{self.url}/media/{int(place)}.mp4?token={self._tokens}"

    def plain_link(self, place: int) -> str:
        """A link for who does not speak the meeting API."""
        return f"{self.url}/media/{place}.mp4?token=0"

    async def answer(self, request: Request) -> Answer:
        if names := credential_headers(request):
            return text_answer(400, f"credentials on the media host: {names}")
        place = int(request.path.removeprefix("/media/").removesuffix(".mp4"))
        fate, film = self._night.fate(place), self._films[place]
        if fate is Fate.HTML:
            return Answer(200, _HTML, (("Content-Type", "text/html"),))
        if fate is Fate.NO_AUDIO:
            film = self._silent
        start, stop = _span(request, film.size)
        strikes = fate if stop - start > 1 and place not in self._met else Fate.GOOD
        if strikes in (Fate.MEDIA_503, Fate.EXPIRED, Fate.DROPPED):
            self._met.add(place)
            self.struck[strikes] += 1
        if strikes is Fate.MEDIA_503:
            return text_answer(503, "busy", ("Retry-After", "1"))
        if strikes is Fate.EXPIRED:
            return text_answer(403, "Request has expired")
        return self._sending(place, film, start, stop, strikes, bool(request.loosely("Range")))

    def _sending(
        self, place: int, film: Film, start: int, stop: int, fate: Fate, ranged: bool
    ) -> Answer:
        size = film.size
        if self._night.fate(place) is Fate.TRUNCATED:
            size = int(size * TRUNCATED_SHARE)
            stop = min(stop, size)
        headers = [
            ("Content-Type", "video/mp4"),
            ("ETag", f'"{place}"'),
            ("Accept-Ranges", "bytes"),
        ]
        if ranged:
            headers.append(("Content-Range", f"bytes {start}-{stop - 1}/{size}"))
        return Answer(
            206 if ranged else 200,
            headers=tuple(headers),
            pieces=self._paced(place, film.pieces(start, stop)),
            length=stop - start,
            drop_after=(stop - start) // 2 if fate is Fate.DROPPED else None,
        )

    async def _paced(self, place: int, pieces: list[memoryview]) -> AsyncIterator[memoryview]:
        for piece in pieces:
            await self._line.take(len(piece))
            self.sent[place] += len(piece)
            yield piece


def _span(request: Request, size: int) -> tuple[int, int]:
    wanted = _RANGE.fullmatch(request.loosely("Range") or "")
    if wanted is None:
        return 0, size
    return int(wanted[1]), min(size, int(wanted[2]) + 1) if wanted[2] else size
