"""aria2c dies, hangs, is missing; its links and secrets are nobody's business."""

import logging
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from math import inf
from pathlib import Path

import pytest

from meeting_pipeline.adapters.downloads.aria2 import Aria2Downloader
from meeting_pipeline.adapters.downloads.aria2_keeper import find_aria2c
from meeting_pipeline.adapters.downloads.disk import DiskReservation
from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.adapters.downloads.http import OF_ONE_STREAM
from meeting_pipeline.adapters.downloads.pace import FAST_BYTES_PER_S
from meeting_pipeline.adapters.downloads.part_file import PartFile, RemoteFile
from meeting_pipeline.domain.timing import Resource
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.run.gates import Gates
from meeting_pipeline.settings import config
from meeting_pipeline.wiring import backends
from tests.support.downloaders import (
    CANARY,
    MEDIA,
    OTHER,
    host,
    killed_while_fetching,
    leftovers,
    link,
    make,
)
from tests.support.fault_server import Exchange, FaultServer
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
    made = Aria2Downloader(hosts, disk, aria2c=program, fast_bytes_per_s=inf)
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


def first_alone(part: Path, fast_bytes_per_s: float = FAST_BYTES_PER_S) -> Aria2Downloader:
    """One connection begins, as it does by default; nothing comes so soon that aria2 is spared."""
    hosts = AllowedHosts((), allow_private=True)
    disk = DiskReservation(part.parent)
    return Aria2Downloader(hosts, disk, fast_bytes_per_s=fast_bytes_per_s, soon_s=0.0)


def agents(server: FaultServer) -> list[str]:
    """Who asked, in this order."""
    return [exchange.headers["user-agent"].partition("/")[0] for exchange in server.asked]


def test_aria2_goes_on_where_one_connection_is_slow(part: Path) -> None:
    made = first_alone(part)
    with host(unhurried) as server:
        made.fetch(link(server), part, no_progress)
    made.close()

    assert part.read_bytes() == MEDIA
    assert not leftovers(part)
    by_aria2 = [exchange for exchange in server.asked if "aria2" in exchange.headers["user-agent"]]
    ranges = [exchange.asked for exchange in by_aria2 if exchange.asked]  # at first it only looks
    assert ranges
    assert all(first > 0 for first, _ in ranges), "the beginning was fetched again"


def test_a_host_whose_connections_are_slow_is_remembered(part: Path) -> None:
    made = first_alone(part)
    with host(unhurried) as server:
        made.fetch(link(server), part, no_progress)
        part.unlink()
        asked_before = len(server.asked)
        made.fetch(link(server), part, no_progress)
    made.close()

    assert part.read_bytes() == MEDIA
    ours = [exchange for exchange in server.asked[asked_before:] if not exchange.is_probe]
    assert all("aria2" in exchange.headers["user-agent"] for exchange in ours)


def test_no_aria2c_starts_where_one_connection_is_fast(part: Path) -> None:
    made = first_alone(part, fast_bytes_per_s=1)
    with host() as server:
        made.fetch(link(server), part, no_progress)
    assert part.read_bytes() == MEDIA
    assert agents(server) == ["meeting-pipeline"]
    assert not daemons()
    made.close()


def test_an_object_that_is_replaced_when_aria2_takes_over_is_never_mixed(part: Path) -> None:
    def replaced(exchange: Exchange) -> None:
        if exchange.number == 1:
            exchange.server.data, exchange.server.etag = OTHER, '"two"'
        unhurried(exchange)

    made = first_alone(part)
    with host(replaced) as server:
        made.fetch(link(server), part, no_progress)
    made.close()

    assert part.read_bytes() == OTHER


def test_what_was_taken_over_is_trusted_only_with_the_control_file_of_aria2(part: Path) -> None:
    """Until there is one, a part of the full length may have holes."""
    remote = RemoteFile(len(MEDIA), '"one"')
    PartFile(part, OF_ONE_STREAM).begin(remote)
    part.write_bytes(MEDIA[:1000])
    taken = PartFile(part, "aria2")
    assert taken.takes_over(remote, OF_ONE_STREAM)
    os.truncate(part, len(MEDIA))

    assert PartFile(part, OF_ONE_STREAM).begun_with() is None
    assert not part.exists()


def test_a_download_that_waits_for_the_line_is_seen_waiting_at_the_gate_of_the_run(
    tmp_path: Path,
) -> None:
    told = {"MEETING_SOURCE": "tencent", "ALLOW_PRIVATE_HOSTS": "1", "DATA_DIR": str(tmp_path)}
    settings = config.load(tmp_path / "no.env", told)
    gates = Gates(backends.slots(settings, None))
    gate, held_up = gates[Resource.DOWNLOAD], iter([True])
    begun, other_waits = threading.Event(), threading.Event()

    def holding_up_the_first(exchange: Exchange) -> None:
        if not next(held_up, False):
            exchange.serve()
            return
        exchange.head("200 OK", Content_Length=len(MEDIA), ETag='"one"')
        exchange.body(MEDIA[:1000])
        begun.set()
        other_waits.wait(20)
        exchange.body(MEDIA[1000:])

    with (
        ExitStack() as services,
        host(holding_up_the_first) as server,
        ThreadPoolExecutor(2) as pool,
    ):
        made = backends.make_downloader(backends.Parts(settings, 2, gates.closed, services, gates))

        def fetch(part: Path) -> None:
            with gate.slot():
                made.fetch(link(server), part, no_progress)

        downloads = [pool.submit(fetch, tmp_path / "first.part")]
        assert begun.wait(20)
        downloads.append(pool.submit(fetch, tmp_path / "second.part"))
        while not gate.use().waiting and not downloads[1].done():
            threading.Event().wait(0.001)
        use = gate.use()
        other_waits.set()
        for download in downloads:
            download.result(60)
    assert (use.used, use.slots, use.waiting) == (1, 1, 1)


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

    ours = [line.split(b"\0") for line in seen if line.split(b"\0")[0].endswith(b"aria2c")]
    assert ours
    assert all(len(words) == 3 and words[1].startswith(b"--conf-path=") for words in ours)
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
