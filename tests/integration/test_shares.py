"""Several connections with an equal share each, where each is slow and the file comes soon."""

from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, BoundedSemaphore, Event, Semaphore

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.adapters.downloads.aria2 import Aria2Downloader
from meeting_pipeline.adapters.downloads.disk import DiskReservation
from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.adapters.downloads.part_file import PartFile, RemoteFile
from meeting_pipeline.adapters.downloads.shares import shared_out
from meeting_pipeline.errors import LinkExpired, RecordError, RetryableError
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.sources import MediaLink
from tests.support.downloaders import (
    MEDIA,
    OTHER,
    host,
    killed_while_fetching,
    leftovers,
    link,
    make,
)
from tests.support.fault_server import Exchange, FaultServer, healthy
from tests.support.slow_media import unhurried


@pytest.fixture
def downloader(tmp_path: Path) -> Iterator[Aria2Downloader]:
    """As a run has it, but for a program that would not start."""
    hosts = AllowedHosts((), allow_private=True)
    made = Aria2Downloader(hosts, DiskReservation(tmp_path), 8, "/bin/false", first_wait_s=0.01)
    yield made
    made.close()


def ranges(server: FaultServer) -> list[tuple[int, int]]:
    """What was asked for of the file, without the looks at its first byte."""
    return [one.asked for one in server.asked if one.asked and not one.is_probe]


def test_what_comes_soon_is_shared_out_and_no_byte_is_asked_for_twice(
    downloader: Aria2Downloader, part: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with host(unhurried) as server:
        downloader.fetch(link(server), part, no_progress)

    assert part.read_bytes() == MEDIA
    assert not leftovers(part)
    shares = sorted(ranges(server))
    assert len(shares) == 8
    assert shares[0][0] > 0, "the beginning had come by one connection"
    assert [first for first, _ in shares[1:]] == [last + 1 for _, last in shares[:-1]]
    assert shares[-1][1] == len(MEDIA) - 1
    assert "aria2c" not in caplog.text


def test_a_share_whose_connection_breaks_is_gone_on_with_and_the_others_are_left_alone(
    downloader: Aria2Downloader, part: Path
) -> None:
    broken: list[tuple[int, int]] = []

    def breaking(exchange: Exchange) -> None:
        if exchange.asked and not exchange.is_probe and not broken:
            broken.append(exchange.asked)
            exchange.serve(share=0.5)
            exchange.reset()
        else:
            unhurried(exchange)

    with host(breaking) as server:
        downloader.fetch(link(server), part, no_progress)

    assert part.read_bytes() == MEDIA
    assert len(ranges(server)) == 9
    ((first, last),) = broken
    (again,) = {asked for asked in ranges(server) if asked[1] == last} - {(first, last)}
    assert first < again[0] <= last


class Expiring:
    """A host that gives half of each share, then refuses the link when all have come for more."""

    def __init__(self) -> None:
        self.halved: dict[int, tuple[int, int]] = {}
        self._all_have_half = Barrier(8)

    def __call__(self, exchange: Exchange) -> None:
        if exchange.asked is None or exchange.is_probe or "fresh" in exchange.path:
            unhurried(exchange)
        elif exchange.asked[1] in self.halved:
            self._all_have_half.wait()
            exchange.head("403 Forbidden", Content_Length=0)
        else:
            self.halved[exchange.asked[1]] = exchange.asked
            exchange.serve(share=0.5)

    @property
    def lacking(self) -> list[tuple[int, int]]:
        """What did not come of the shares."""
        spans = self.halved.values()
        return sorted((first + (last + 1 - first) // 2, last) for first, last in spans)


@pytest.mark.parametrize("later", ["the same run", "a later run"])
def test_a_link_that_expires_half_way_costs_no_byte_twice(
    later: str, downloader: Aria2Downloader, part: Path
) -> None:
    """A later run knows no rate, and aria2 would take the holes for bytes."""
    expiring = Expiring()
    second = downloader if later == "the same run" else make("aria2", part.parent)
    with host(expiring) as server:
        with pytest.raises(LinkExpired):
            downloader.fetch(link(server), part, no_progress)
        asked_before = len(server.asked)
        second.fetch(MediaLink(server.url + "&fresh=1", "m4a"), part, no_progress)
    second.close()

    assert part.read_bytes() == MEDIA
    assert not leftovers(part)
    asked = [one.asked for one in server.asked[asked_before:] if one.asked and not one.is_probe]
    assert sorted(asked) == expiring.lacking


def test_an_object_that_is_replaced_before_the_last_share_is_never_mixed(
    downloader: Aria2Downloader, part: Path
) -> None:
    def replacing(exchange: Exchange) -> None:
        if exchange.asked and not exchange.is_probe and len(ranges(exchange.server)) == 5:
            exchange.server.data, exchange.server.etag = OTHER, '"two"'
        unhurried(exchange)

    with host(replacing) as server:
        downloader.fetch(link(server), part, no_progress)

    assert part.read_bytes() == OTHER
    assert not leftovers(part)


def test_an_answer_that_goes_on_beyond_its_share_is_not_taken(
    downloader: Aria2Downloader, part: Path
) -> None:
    def going_on(exchange: Exchange) -> None:
        data, asked = exchange.server.data, exchange.asked
        if asked and not exchange.is_probe:
            where = f"bytes {asked[0]}-{len(data) - 1}/{len(data)}"
            rest = data[asked[0] :]
            exchange.head(
                "206 Partial Content", Content_Length=len(rest), Content_Range=where, ETag='"one"'
            )
            exchange.body(rest[:-1000] + OTHER[:1000])
        else:
            unhurried(exchange)

    with host(going_on) as server:
        downloader.fetch(link(server), part, no_progress)

    assert part.read_bytes() == MEDIA
    assert not leftovers(part)


def test_the_other_connections_end_where_one_is_refused_for_good(
    downloader: Aria2Downloader, part: Path
) -> None:
    others, refused, hung_up = Semaphore(0), Event(), Semaphore(0)

    def refusing_the_last(exchange: Exchange) -> None:
        if not exchange.asked or exchange.is_probe:
            unhurried(exchange)
        elif exchange.asked[1] == len(MEDIA) - 1:
            for _ in range(7):
                others.acquire()
            exchange.head("400 Bad Request", Content_Length=0)
            refused.set()
        else:
            others.release()
            refused.wait()
            try:
                unhurried(exchange)
            except OSError:
                hung_up.release()

    with host(refusing_the_last) as server, pytest.raises(RecordError) as raised:
        downloader.fetch(link(server), part, no_progress)

    assert raised.value.code == "download_refused"
    assert all(hung_up.acquire(timeout=20) for _ in range(7))
    assert not part.exists()


def test_a_host_that_refuses_so_many_connections_is_asked_over_one(
    downloader: Aria2Downloader, part: Path
) -> None:
    places, refusals = BoundedSemaphore(1), Semaphore(0)

    def one_connection_only(exchange: Exchange) -> None:
        if exchange.is_probe:
            exchange.serve()
        elif places.acquire(timeout=0.05):  # whoever went just now may still be seen here
            try:
                unhurried(exchange)
            finally:
                places.release()
        else:
            refusals.release()
            exchange.head("429 Too Many Requests", Content_Length=0, Retry_After=1)

    with host(one_connection_only) as server:
        with pytest.raises(RetryableError) as refused:
            downloader.fetch(link(server), part, no_progress)
        while refusals.acquire(blocking=False):
            pass
        downloader.fetch(link(server), part, no_progress)
        part.unlink()
        asked_before = len(server.asked)
        downloader.fetch(link(server), part, no_progress)

    assert refused.value.retry_after_s == 1
    assert part.read_bytes() == MEDIA
    assert not refusals.acquire(blocking=False), "the second and third time one came at a time"
    assert [one.asked for one in server.asked[asked_before:]] == [None], "it came in one piece"


@pytest.mark.parametrize("etag", ['W/"weak"', None])
def test_an_object_that_cannot_be_told_from_another_is_not_shared_out(
    etag: str | None, downloader: Aria2Downloader, part: Path
) -> None:
    def unsure(exchange: Exchange) -> None:
        said = {"ETag": etag} if etag else {}
        data, asked = exchange.server.data, exchange.asked
        if asked:
            body = data[asked[0] : asked[1] + 1]
            where = f"bytes {asked[0]}-{asked[1]}/{len(data)}"
            exchange.head(
                "206 Partial Content", Content_Length=len(body), Content_Range=where, **said
            )
        else:
            body = data
            exchange.head("200 OK", Content_Length=len(body), **said)
        exchange.body(body)

    everything_comes_soon = make("shares", part.parent)
    with host(unsure) as server:
        everything_comes_soon.fetch(link(server), part, no_progress)
    everything_comes_soon.close()

    assert part.read_bytes() == MEDIA
    by_us = [one for one in server.asked if "aria2" not in one.headers["user-agent"]]
    assert all(one.is_probe for one in by_us)


def test_a_part_that_has_every_byte_already_costs_a_look(part: Path) -> None:
    everything_comes_soon = make("shares", part.parent)
    PartFile(part, "http").begin(RemoteFile(len(MEDIA), '"one"'))
    part.write_bytes(MEDIA)
    with host() as server:
        everything_comes_soon.fetch(link(server), part, no_progress)
    everything_comes_soon.close()

    assert part.read_bytes() == MEDIA
    assert ranges(server) == []


def test_what_a_killed_run_leaves_of_shares_has_holes_and_is_begun_again(part: Path) -> None:
    def halting(exchange: Exchange) -> None:
        exchange.serve(share=1.0 if exchange.is_probe else 0.5)
        exchange.server.over.wait()

    with host(halting) as server:
        killed_while_fetching("shares", server, part)
        assert part.stat().st_size > len(MEDIA) // 2, "there is none of the last share"
        server.behaviour = healthy
        later = make("http", part.parent)
        later.fetch(link(server), part, no_progress)
        later.close()

    assert part.read_bytes() == MEDIA
    assert not leftovers(part)


@given(begin=st.integers(0, 1 << 24), missing=st.integers(0, 1 << 24), most=st.integers(1, 16))
def test_shares_hold_every_missing_byte_once(begin: int, missing: int, most: int) -> None:
    shares = [(share.place, share.end) for share in shared_out(begin, begin + missing, most)]

    places = [begin, *(end for _, end in shares)]
    assert [first for first, _ in shares] == places[:-1]
    assert places[-1] == begin + missing
    assert len(shares) <= most
    assert all(first < end for first, end in shares)
