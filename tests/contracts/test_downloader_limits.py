"""Downloads that must end early leave the disk and the run in order."""

import os
import resource
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from meeting_pipeline.adapters.downloads.disk import DiskReservation
from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.adapters.downloads.http import HttpDownloader
from meeting_pipeline.adapters.downloads.local_file import LocalFileDownloader
from meeting_pipeline.domain.media_checks import LARGEST_MEDIA_BYTES
from meeting_pipeline.errors import FatalError, RecordError, Stopped
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.sources import MediaLink
from tests.support.downloaders import KINDS, MEDIA, host, link, make
from tests.support.fault_server import Exchange
from tests.support.slow_media import unhurried

pytestmark = pytest.mark.slow  # real downloads at a limited speed


@pytest.mark.parametrize("kind", KINDS)
def test_a_download_without_room_does_not_start(kind: str, part: Path) -> None:
    made = make(kind, part.parent, floor_bytes=1 << 60)
    with host() as server, pytest.raises(FatalError) as raised:
        made.fetch(link(server), part, no_progress)
    made.close()

    assert raised.value.code == "disk_full"
    assert not list(part.parent.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_fills_up_under_way_leaves_nothing(kind: str, part: Path) -> None:
    made = make(kind, part.parent)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, unlimited[1]))
    try:
        with host() as server, pytest.raises(FatalError) as raised:
            made.fetch(link(server), part, no_progress)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        made.close()

    assert raised.value.code == "disk_full"
    assert not list(part.parent.iterdir())


HUGE = LARGEST_MEDIA_BYTES + 1
ANY_HOST = AllowedHosts((), allow_private=True)


@pytest.mark.parametrize("kind", KINDS)
def test_security_07_what_says_it_is_larger_than_20_gb_is_not_begun(kind: str, part: Path) -> None:
    def boasting(exchange: Exchange) -> None:
        if exchange.asked:
            where = f"bytes 0-0/{HUGE}"
            exchange.head("206 Partial", Content_Length=1, Content_Range=where, ETag='"one"')
            exchange.body(b"x")
        else:
            exchange.head("200 OK", Content_Length=HUGE, ETag='"one"')

    made = make(kind, part.parent)
    with host(boasting) as server, pytest.raises(RecordError) as raised:
        made.fetch(link(server), part, no_progress)
    made.close()

    assert raised.value.code == "oversized"
    assert not list(part.parent.iterdir())


def test_security_07_what_never_says_how_large_it_is_is_given_up_at_the_cap(part: Path) -> None:
    def endless(exchange: Exchange) -> None:
        exchange.head("200 OK")
        while True:
            exchange.body(bytes(1 << 16))

    made = HttpDownloader(ANY_HOST, DiskReservation(part.parent), largest_bytes=1 << 20)
    with host(endless) as server, pytest.raises(RecordError) as raised:
        made.fetch(link(server), part, no_progress)

    assert raised.value.code == "oversized"
    assert not list(part.parent.iterdir())


def test_security_07_a_local_file_above_20_gb_is_not_copied(tmp_path: Path, part: Path) -> None:
    huge = tmp_path / "huge.mp4"
    with huge.open("wb") as stream:
        stream.truncate(HUGE)
    with pytest.raises(RecordError) as raised:
        LocalFileDownloader().fetch(MediaLink(huge.as_uri(), "mp4"), part, no_progress)
    assert raised.value.code == "oversized"
    assert not part.exists() or not part.stat().st_size


@pytest.mark.parametrize("kind", KINDS)
def test_a_download_waits_for_the_room_of_another(kind: str, tmp_path: Path) -> None:
    """There is room for one; the host holds the first one up until the second one has asked."""
    parts = [tmp_path / "first.part", tmp_path / "second.part"]
    first_looked, begun, second_looked = threading.Event(), threading.Event(), threading.Event()
    looks = count(1)
    held_up = iter([True])
    seen: list[bool] = []

    def room_for_one(folder: Path) -> int:
        look = next(looks)  # everybody looks twice
        (first_looked if look <= 2 else second_looked).set()
        return len(MEDIA) + 1000

    def host_of_both(exchange: Exchange) -> None:
        if exchange.is_probe or not next(held_up, False):
            exchange.serve()
            return
        exchange.head("200 OK", Content_Length=len(MEDIA), ETag='"one"')
        exchange.body(MEDIA[:1000])
        begun.set()
        second_looked.wait(20)
        seen.append(parts[1].exists())
        exchange.body(MEDIA[1000:])

    made = make(kind, tmp_path, disk=DiskReservation(tmp_path, free=room_for_one))
    with host(host_of_both) as server, ThreadPoolExecutor(2) as pool:
        first = pool.submit(made.fetch, link(server), parts[0], no_progress)
        first_looked.wait(20)
        begun.wait(20)
        second = pool.submit(made.fetch, link(server), parts[1], no_progress)
        first.result(60)
        second.result(60)
    made.close()

    assert [part.read_bytes() for part in parts] == [MEDIA, MEDIA]
    assert seen == [False]


@pytest.mark.parametrize("kind", KINDS)
def test_the_disk_gets_a_slow_download_while_it_comes(
    kind: str, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda _: synced.append(part.stat().st_size))
    made = make(kind, part.parent, connections=1)
    with host(unhurried) as server:
        made.fetch(link(server), part, no_progress)
    made.close()

    assert any(0 < size < len(MEDIA) for size in synced)
    assert part.read_bytes() == MEDIA


@pytest.mark.parametrize("kind", KINDS)
def test_closing_wakes_who_waits_and_keeps_the_part(kind: str, part: Path) -> None:
    made, told = make(kind, part.parent), threading.Event()

    def stalling(exchange: Exchange) -> None:
        exchange.serve(share=1.0 if exchange.is_probe else 0.5)
        exchange.server.over.wait()

    def progress(fraction: float) -> None:
        if fraction > 0.1:
            told.set()

    raised: list[BaseException] = []

    def work() -> None:
        try:
            made.fetch(link(server), part, progress)
        except Stopped as stop:
            raised.append(stop)

    with host(stalling) as server:
        thread = threading.Thread(target=work)
        thread.start()
        told.wait()
        made.close()
        thread.join()
        with pytest.raises(Stopped):
            made.fetch(link(server), part, no_progress)

    assert len(raised) == 1
    assert part.exists()
