"""A host that sends something now and then, but not the file, is given up like a silent one."""

import threading
from pathlib import Path

import pytest

from meeting_pipeline.errors import RetryableError, Stopped
from meeting_pipeline.ports.progress import no_progress
from tests.support.downloaders import KINDS, MEDIA, ClosableDownloader, host, leftovers, link, make
from tests.support.fault_server import Behaviour, Exchange, at_first, healthy
from tests.support.trickling_servers import BODIES, HEADS, Step, Trickle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]  # a host is given up in real time

TRICKLES = {**HEADS, **BODIES}
HOLLOW = ("status line", "header", "100 Continue", "size of a chunk", "trailers")
"""No byte of a file is in them."""


def trickling(answer: Step) -> Behaviour:
    """Say so to every request of bytes."""
    return lambda exchange: answer(exchange.socket)


def trickling_to_all_but_a_look(answer: Step) -> Behaviour:
    def behave(exchange: Exchange) -> None:
        (healthy if exchange.is_probe else trickling(answer))(exchange)

    return behave


def half_and_then_a_byte_now_and_then(exchange: Exchange) -> None:
    first, last = exchange.asked or (0, len(MEDIA) - 1)
    exchange.serve(share=0.5)
    for place in range(first + (last + 1 - first) // 2, last + 1):
        if exchange.server.over.wait(0.1):
            return
        exchange.body(MEDIA[place : place + 1])


RECOVERED = {
    **{name: at_first(1, trickling(TRICKLES[name])) for name in HOLLOW},
    "half of the file": at_first(1, half_and_then_a_byte_now_and_then),
}


@pytest.mark.parametrize("trouble", [*RECOVERED])
def test_row_35_the_file_is_whole_although_an_answer_trickled(
    trouble: str, downloader: ClosableDownloader, part: Path
) -> None:
    with host(RECOVERED[trouble]) as server:
        downloader.fetch(link(server), part, no_progress)

    assert part.read_bytes() == MEDIA
    assert not leftovers(part)


def test_row_35_and_security_07_a_host_whose_answers_always_trickle_is_given_up(
    downloader: ClosableDownloader, part: Path
) -> None:
    behaviour = trickling_to_all_but_a_look(TRICKLES["header"])
    with host(behaviour) as server, pytest.raises(RetryableError) as raised:
        downloader.fetch(link(server), part, no_progress)

    assert raised.value.code == "download_stalled"


def test_row_35_redirects_that_trickle_are_given_up(
    downloader: ClosableDownloader, part: Path
) -> None:
    def elsewhere(exchange: Exchange) -> None:
        where = f"Location: {exchange.server.url}\r\n".encode()
        Trickle(b"HTTP/1.1 302 Found\r\n" + where + b"X-Slow: ", b"a")(exchange.socket)

    with host(elsewhere) as server, pytest.raises(RetryableError) as raised:
        downloader.fetch(link(server), part, no_progress)

    assert raised.value.code == "download_stalled"


@pytest.mark.parametrize("kind", KINDS)
def test_closing_ends_a_download_whose_answer_trickles(kind: str, part: Path) -> None:
    begun = threading.Event()

    def behave(exchange: Exchange) -> None:
        if not exchange.is_probe:
            begun.set()
        trickling_to_all_but_a_look(TRICKLES["header"])(exchange)

    made = make(kind, part.parent, stall_s=600.0)

    def close() -> None:
        begun.wait(60)
        made.close()

    with host(behave) as server:
        closing = threading.Thread(target=close)
        closing.start()
        with pytest.raises(Stopped):
            made.fetch(link(server), part, no_progress)
        closing.join()
