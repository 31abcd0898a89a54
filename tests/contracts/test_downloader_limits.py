"""Downloads that must end early leave the disk and the run in order."""

import resource
import shutil
import threading
from pathlib import Path

import pytest

from meeting_pipeline.adapters.media.disk import DiskReservation
from meeting_pipeline.errors import FatalError, Stopped
from meeting_pipeline.ports import no_progress
from tests.support.downloaders import KINDS, host, link, make
from tests.support.fault_server import Exchange


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


def test_downloads_reserve_their_room_together(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    disk = DiskReservation(tmp_path, floor_bytes=free - 100_000_000)
    first = disk.reserved(tmp_path / "first.part", 60_000_000)
    with first, pytest.raises(FatalError), disk.reserved(tmp_path / "second.part", 60_000_000):
        pass
    with disk.reserved(tmp_path / "second.part", 60_000_000):
        pass


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
