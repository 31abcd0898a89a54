"""Downloads share the room on the disk: they wait for each other, and for nothing else."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from random import Random

import pytest

from meeting_pipeline.adapters.downloads.disk import DiskReservation, NoRoomYet
from meeting_pipeline.errors import FatalError, Stopped
from tests.support.disks import small_disk

MB = 1_000_000


class Disk:
    """Has 100 MB; `looks` gets a word whenever somebody looks how much is free."""

    def __init__(self) -> None:
        self.free = 100 * MB
        self.looks: SimpleQueue[None] = SimpleQueue()

    def free_bytes(self, folder: Path) -> int:
        self.looks.put(None)
        return self.free

    def await_a_look(self) -> None:
        self.looks.get(timeout=20)

    def forget_looks(self) -> None:
        while not self.looks.empty():
            self.looks.get()


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def room(disk: Disk, tmp_path: Path) -> DiskReservation:
    return DiskReservation(tmp_path, free=disk.free_bytes)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def begin(pool: ThreadPoolExecutor, room: DiskReservation, part: Path, size: int) -> Future[str]:
    """A download in a thread of its own; its name once it has had its room."""

    def download() -> str:
        with room.reserved(part, size):
            return part.name

    return pool.submit(download)


@contextmanager
def one_waiting(
    pool: ThreadPoolExecutor, room: DiskReservation, disk: Disk, part: Path
) -> Iterator[Future[str]]:
    """While 60 MB of 100 are promised, another download wants 60 MB and waits."""
    with room.reserved(part.with_name("first.part"), 60 * MB):
        disk.forget_looks()
        waiting = begin(pool, room, part, 60 * MB)
        disk.await_a_look()
        assert not waiting.done()
        yield waiting


def test_a_download_that_does_not_fit_beside_the_others_has_its_turn_after_them(
    pool: ThreadPoolExecutor, room: DiskReservation, disk: Disk, tmp_path: Path
) -> None:
    with one_waiting(pool, room, disk, tmp_path / "second.part") as waiting:
        pass
    assert waiting.result(20) == "second.part"


def test_a_smaller_download_passes_the_one_that_waits(
    pool: ThreadPoolExecutor, room: DiskReservation, disk: Disk, tmp_path: Path
) -> None:
    with one_waiting(pool, room, disk, tmp_path / "second.part") as waiting:
        with room.reserved(tmp_path / "small.part", 40 * MB):
            pass
        assert not waiting.done()
    assert waiting.result(20) == "second.part"


def test_what_does_not_fit_alone_is_refused(room: DiskReservation, tmp_path: Path) -> None:
    with pytest.raises(FatalError) as raised, room.reserved(tmp_path / "huge.part", 101 * MB):
        pass
    assert raised.value.code == "disk_full"


def test_who_waited_in_vain_is_refused_when_nobody_is_left_to_wait_for(
    pool: ThreadPoolExecutor, room: DiskReservation, disk: Disk, tmp_path: Path
) -> None:
    with one_waiting(pool, room, disk, tmp_path / "second.part") as waiting:
        disk.free = 40 * MB  # the first one has used its share
    with pytest.raises(FatalError) as raised:
        waiting.result(20)
    assert raised.value.code == "disk_full"


def test_closing_wakes_who_waits(
    pool: ThreadPoolExecutor, room: DiskReservation, disk: Disk, tmp_path: Path
) -> None:
    with one_waiting(pool, room, disk, tmp_path / "second.part") as waiting:
        room.close()
        with pytest.raises(Stopped):
            waiting.result(20)
    with pytest.raises(Stopped), room.reserved(tmp_path / "late.part", 1):
        pass


def test_many_that_fit_only_one_by_one_all_have_their_turn(
    pool: ThreadPoolExecutor, room: DiskReservation, tmp_path: Path
) -> None:
    names = [f"{number}.part" for number in range(40)]
    begun = [begin(pool, room, tmp_path / name, 60 * MB) for name in names]
    assert [download.result(20) for download in begun] == names


def test_who_keeps_a_host_waiting_is_told_at_once(room: DiskReservation, tmp_path: Path) -> None:
    second = room.reserved_now(tmp_path / "second.part", 60 * MB)
    with (
        room.reserved(tmp_path / "first.part", 60 * MB),
        pytest.raises(NoRoomYet) as raised,
        second,
    ):
        pass
    assert raised.value.size_bytes == 60 * MB


def test_a_download_may_learn_its_size_under_way(room: DiskReservation, tmp_path: Path) -> None:
    first, second = tmp_path / "first.part", tmp_path / "second.part"
    with room.reserved(first, 10 * MB):
        with (
            room.reserved_now(first, 60 * MB),
            pytest.raises(NoRoomYet),
            room.reserved_now(second, 60 * MB),
        ):
            pass
        with room.reserved_now(second, 60 * MB):
            pass


def test_what_is_on_the_disk_already_needs_no_room_again(tmp_path: Path, disk: Disk) -> None:
    disk.free = 1 * MB
    part = tmp_path / "half.part"
    part.write_bytes(Random(7).randbytes(3 * MB))
    with DiskReservation(tmp_path, free=disk.free_bytes).reserved(part, 4 * MB - 8192):
        pass


@pytest.fixture
def eight_mb(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "small") as folder:
        yield folder


def test_row_41_on_a_real_disk_downloads_wait_until_an_earlier_file_is_gone(
    pool: ThreadPoolExecutor, eight_mb: Path
) -> None:
    room = DiskReservation(eight_mb)

    def download(number: int) -> None:
        part = eight_mb / f"{number}.part"
        with room.reserved(part, 5 * MB):
            part.write_bytes(bytes(5 * MB))
            part.unlink()  # as one that failed, or whose sound has been taken out

    list(pool.map(download, range(40)))
    assert not list(eight_mb.iterdir())
