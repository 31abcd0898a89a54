"""aria2c dies, hangs, is missing; its links and secrets are nobody's business."""

import logging
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meeting_pipeline.adapters.downloads.aria2 import LARGE_BYTES, Aria2Downloader
from meeting_pipeline.adapters.downloads.aria2_keeper import find_aria2c
from meeting_pipeline.adapters.downloads.disk import DiskReservation
from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.errors import LinkExpired
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.sources import MediaLink
from tests.support.downloaders import (
    CANARY,
    MEDIA,
    host,
    killed_while_fetching,
    leftovers,
    link,
    make,
)
from tests.support.fault_server import Behaviour, Exchange, FaultServer, healthy
from tests.support.slow_media import unhurried


@pytest.fixture(params=["aria2", "packaged_aria2"])
def downloader(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Aria2Downloader]:
    made = make(request.param, tmp_path)
    assert isinstance(made, Aria2Downloader)
    yield made
    made.close()


def daemons() -> list[int]:
    """Our children that are aria2c."""
    found = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    children = {int(pid) for path in found for pid in path.read_text().split()}
    return [pid for pid in children if Path(f"/proc/{pid}/comm").read_text() == "aria2c\n"]


def at_first_progress(act: Callable[[], None]) -> Callable[[float], None]:
    done = threading.Event()

    def progress(fraction: float) -> None:
        if fraction > 0.1 and not done.is_set():
            done.set()
            act()

    return progress


def send_to_aria2c(number: int) -> None:
    for pid in daemons():
        os.kill(pid, number)


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
def test_the_file_is_whole_when_aria2c_is_hit_midway(
    blow: int, downloader: Aria2Downloader, part: Path
) -> None:
    with host(unhurried) as server:
        progress = at_first_progress(lambda: send_to_aria2c(blow))
        downloader.fetch(link(server), part, progress)

    assert part.read_bytes() == MEDIA
    assert not leftovers(part)
    assert len(daemons()) == 1


def test_an_aria2c_that_always_dies_is_done_without(
    downloader: Aria2Downloader, part: Path
) -> None:
    with host(unhurried) as server:
        downloader.fetch(link(server), part, lambda fraction: send_to_aria2c(signal.SIGKILL))

    assert part.read_bytes() == MEDIA


@pytest.mark.parametrize("program", ["/nonexistent/aria2c", "/bin/false"])
def test_a_missing_aria2c_is_done_without_and_said_once(
    program: str, part: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hosts = AllowedHosts((), allow_private=True)
    disk = DiskReservation(part.parent)
    made = Aria2Downloader(hosts, disk, aria2c=program, large_bytes=1)
    with host() as server:
        for _ in range(2):
            made.fetch(link(server), part, no_progress)
            assert part.read_bytes() == MEDIA
    made.close()

    assert caplog.text.count("cannot be started") == 1


def test_the_packaged_aria2c_is_found_where_the_system_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    found = find_aria2c()

    assert found is not None
    assert not found.read_bytes().startswith(b"#!")  # no wrapper, whose child would outlive it


def as_by_default(part: Path, aria2c: str = "") -> Aria2Downloader:
    hosts = AllowedHosts((), allow_private=True)
    return Aria2Downloader(hosts, DiskReservation(part.parent), aria2c=aria2c, first_wait_s=0.01)


def requests_of(server: FaultServer) -> list[tuple[str, tuple[int, int] | None]]:
    """The client and the byte range of each request, in their order."""
    return [
        (exchange.headers["user-agent"].partition("/")[0], exchange.asked)
        for exchange in server.asked
    ]


OURS, PROBE = "meeting-pipeline", ("meeting-pipeline", (0, 0))
SMALLEST_LARGE = MEDIA + bytes(LARGE_BYTES - len(MEDIA))


def without_a_length(exchange: Exchange) -> None:
    exchange.head("200 OK", ETag='"one"')
    exchange.body(exchange.server.data)


def without_ranges(exchange: Exchange) -> None:
    exchange.serve(ranges=False)


@pytest.mark.parametrize(
    ("data", "behaviour"),
    [
        pytest.param(SMALLEST_LARGE[1:], healthy, id="small"),
        pytest.param(SMALLEST_LARGE, without_a_length, id="of unknown size"),
        pytest.param(SMALLEST_LARGE, without_ranges, id="without ranges"),
    ],
)
def test_a_file_is_downloaded_by_one_stream_where_it_is(
    data: bytes, behaviour: Behaviour, part: Path
) -> None:
    made = as_by_default(part)
    with host(behaviour, data) as server:
        made.fetch(link(server), part, no_progress)
    assert not daemons()
    made.close()

    assert part.read_bytes() == data
    assert requests_of(server) == [PROBE, (OURS, None)]


def test_a_large_file_is_downloaded_by_aria2_over_several_connections(part: Path) -> None:
    made = as_by_default(part)
    with host(data=SMALLEST_LARGE) as server:
        made.fetch(link(server), part, no_progress)
    made.close()

    assert part.read_bytes() == SMALLEST_LARGE
    assert not leftovers(part)
    first, *by_aria2, last = requests_of(server)
    assert first == last == PROBE
    assert {client for client, _ in by_aria2} == {"aria2"}
    assert len(by_aria2) > 1


def test_a_large_file_that_one_stream_began_is_finished_by_one_stream(part: Path) -> None:
    """Without aria2c, too, a link that expires half way costs no byte twice."""

    def expiring(exchange: Exchange) -> None:
        if "fresh" in exchange.path or exchange.is_probe:
            exchange.serve()
        elif exchange.asked is None:
            exchange.serve(share=0.5)
        else:
            exchange.head("403 Forbidden", Content_Length=0)

    with host(expiring, SMALLEST_LARGE) as server:
        without_aria2c = as_by_default(part, aria2c="/nonexistent/aria2c")
        with pytest.raises(LinkExpired):
            without_aria2c.fetch(link(server), part, no_progress)
        without_aria2c.close()
        asked_before = len(server.asked)
        made = as_by_default(part)
        made.fetch(MediaLink(server.url + "&fresh=1", "m4a"), part, no_progress)
    made.close()

    assert part.read_bytes() == SMALLEST_LARGE
    rest = (LARGE_BYTES // 2, LARGE_BYTES - 1)
    assert requests_of(server)[asked_before:] == [(OURS, rest)]


def test_four_threads_share_one_aria2c(downloader: Aria2Downloader, tmp_path: Path) -> None:
    parts = [tmp_path / f"{number}.part" for number in range(4)]
    with host(unhurried) as server:
        threads = [
            threading.Thread(target=downloader.fetch, args=(link(server), part, no_progress))
            for part in parts
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert all(part.read_bytes() == MEDIA for part in parts)
    assert len(daemons()) == 1


def test_nobody_sees_the_link_or_a_secret(
    downloader: Aria2Downloader, part: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[bytes] = []

    def look(fraction: float) -> None:
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.append(file.read_bytes())
            except OSError:
                continue  # it has ended meanwhile

    caplog.set_level(logging.DEBUG, logger="meeting_pipeline")  # as far as LOG_LEVEL reaches
    with host(unhurried) as server:
        downloader.fetch(link(server), part, look)

    settings_of_ours = f"--conf-path=/proc/{os.getpid()}/fd/".encode()
    ours = [line.split(b"\0") for line in seen if settings_of_ours in line]
    assert ours
    assert all(len(words) == 3 and words[1].startswith(settings_of_ours) for words in ours)
    assert CANARY.encode() not in b"".join(seen)
    assert CANARY not in caplog.text
    settings = Path(ours[0][1].decode().removeprefix("--conf-path="))
    assert settings.is_relative_to("/proc"), "its secrets never were on a disk"
    assert not settings.is_file(), "nor are they in memory any longer"


def test_aria2c_ends_with_us_and_a_later_run_goes_on(part: Path) -> None:
    with host(unhurried) as server:
        wait_for_the_end_of(killed_while_fetching("aria2", server, part))
        _finish(server, part)


def _finish(server: FaultServer, part: Path) -> None:
    made = make("aria2", part.parent)
    made.fetch(link(server), part, no_progress)
    made.close()
    assert part.read_bytes() == MEDIA


def wait_for_the_end_of(pids: list[int]) -> None:
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        assert has_ended(descriptor), f"aria2c {pid} outlives us"


def has_ended(descriptor: int) -> bool:
    with os.fdopen(descriptor):
        return bool(select.select([descriptor], [], [], 20.0)[0])
