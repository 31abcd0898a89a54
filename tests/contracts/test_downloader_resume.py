"""A part is gone on with where that is sure to give the object, and deleted everywhere else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from meeting_pipeline.adapters.downloads.part_file import PartFile, RemoteFile, boot
from meeting_pipeline.errors import LinkExpired
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.sources import MediaLink
from tests.support.downloaders import (
    CANARY,
    KINDS,
    MEDIA,
    OTHER,
    ClosableDownloader,
    host,
    leftovers,
    link,
    make,
)
from tests.support.fault_server import Exchange


def expiring(exchange: Exchange) -> None:
    """Half of the file, then the link is too old; a new one has another query."""
    if "fresh" in exchange.path:
        exchange.serve()
    elif exchange.number < 2:
        exchange.serve(share=0.5 if not exchange.is_probe else 1.0)
    else:
        exchange.head("403 Forbidden", Content_Length=0)


def test_a_fresh_link_goes_on_where_the_old_one_expired(
    downloader: ClosableDownloader, part: Path
) -> None:
    with host(expiring) as server:
        with pytest.raises(LinkExpired):
            downloader.fetch(link(server), part, no_progress)
        asked_before = len(server.asked)
        downloader.fetch(MediaLink(server.url + "&fresh=1", "m4a"), part, no_progress)

    assert part.read_bytes() == MEDIA
    assert not leftovers(part)
    ranges = [exchange.asked for exchange in server.asked[asked_before:] if not exchange.is_probe]
    assert any(asked and asked[0] > 0 for asked in ranges)


def test_a_part_of_the_same_object_is_gone_on_with_whatever_type_it_is_said_to_have(
    downloader: ClosableDownloader, part: Path
) -> None:
    """BusyBox calls every range text/html."""

    def busybox(exchange: Exchange) -> None:
        exchange.serve(share=0.5 if not exchange.asked else 1.0, Content_type="text/html")

    with host(busybox) as server:
        downloader.fetch(link(server), part, no_progress)

    assert part.read_bytes() == MEDIA
    assert not leftovers(part)


def test_a_fresh_link_to_another_object_starts_over(
    downloader: ClosableDownloader, part: Path
) -> None:
    with host(expiring) as server:
        with pytest.raises(LinkExpired):
            downloader.fetch(link(server), part, no_progress)
        server.data, server.etag = OTHER, '"two"'
        downloader.fetch(MediaLink(server.url + "&fresh=1", "m4a"), part, no_progress)

    assert part.read_bytes() == OTHER


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_that_expires_after_the_last_byte_costs_no_byte_again(kind: str, part: Path) -> None:
    """aria2 brings the file, then it is looked whether the object is still the same."""

    def expired_at_the_end(exchange: Exchange) -> None:
        if exchange.is_probe and exchange.number > 0 and "fresh" not in exchange.path:
            exchange.head("403 Forbidden", Content_Length=0)
        else:
            exchange.serve()

    made = make(kind, part.parent)
    with host(expired_at_the_end) as server:
        try:
            made.fetch(link(server), part, no_progress)
        except LinkExpired:
            made.fetch(MediaLink(server.url + "&fresh=1", "m4a"), part, no_progress)
    made.close()

    assert part.read_bytes() == MEDIA
    assert all(exchange.is_probe for exchange in server.asked if "fresh" in exchange.path)


LEFT: dict[str, Callable[[Path], object]] = {
    "a_part_alone": lambda part: part.write_bytes(OTHER[:5_000_000]),
    "a_control_file_alone": lambda part: _beside(part, ".aria2").write_bytes(b"\0\1" + bytes(40)),
    "a_torn_memory": lambda part: (
        part.write_bytes(OTHER),
        _beside(part, ".json").write_bytes(b"{"),
    ),
    "a_part_of_the_other_writer": lambda part: _begun(part, "somebody"),
    "a_full_part_without_control_file": lambda part: _begun(part, "aria2"),
    "one_begun_here_before_the_machine_started_anew": lambda part: _begun_before(part, "http"),
    "one_by_aria2_before_the_machine_started_anew": lambda part: _begun_before(part, "aria2"),
    "a_planted_link": lambda part: part.symlink_to(part.with_name("victim")),
}


def _beside(part: Path, suffix: str) -> Path:
    return part.with_name(part.name + suffix)


def _begun(part: Path, writer: str) -> None:
    PartFile(part, writer).begin(RemoteFile(len(MEDIA), '"one"'))
    part.write_bytes(OTHER)


def _begun_before(part: Path, writer: str) -> None:
    """What a power cut leaves: the right length, and whatever in it."""
    _begun(part, writer)
    PartFile(part, writer).complete(RemoteFile(len(MEDIA), '"one"'))
    memory = _beside(part, ".json")
    memory.write_bytes(memory.read_bytes().replace(boot().encode(), b"another start"))


@pytest.mark.parametrize("left", [*LEFT])
def test_what_is_not_sure_is_not_gone_on_with(
    left: str, downloader: ClosableDownloader, part: Path
) -> None:
    part.with_name("victim").write_bytes("别人的文件".encode())
    LEFT[left](part)
    with host() as server:
        downloader.fetch(link(server), part, no_progress)

    assert not part.is_symlink()
    assert part.read_bytes() == MEDIA
    assert leftovers(part) == {"victim"}
    assert part.with_name("victim").read_text() == "别人的文件"


def test_a_part_remembers_no_link(downloader: ClosableDownloader, part: Path) -> None:
    with host(expiring) as server, pytest.raises(LinkExpired):
        downloader.fetch(link(server), part, no_progress)

    assert leftovers(part)
    for name in leftovers(part):
        assert CANARY.encode() not in (part.parent / name).read_bytes()
