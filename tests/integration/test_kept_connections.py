"""Connections to media hosts serve again, and bring nothing along from one request to the next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from meeting_pipeline.adapters.downloads.disk import DiskReservation
from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.adapters.downloads.http import HttpDownloader
from meeting_pipeline.errors import RecordError, Stopped
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.sources import MediaLink

DATA = bytes(range(256)) * 4096


@dataclass
class Host:
    """connections: how many requests came on each. hangs_up: before it answers a second one."""

    hangs_up: bool = False
    connections: list[int] = field(default_factory=list)
    cookies: list[str | None] = field(default_factory=list)
    port: int = 0

    @property
    def link(self) -> MediaLink:
        return MediaLink(f"http://media.test:{self.port}/a.m4a", "m4a")


@pytest.fixture
def media_host() -> Iterator[Host]:
    told = Host()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self.place = len(told.connections)
            told.connections.append(0)

        def do_GET(self) -> None:
            if told.hangs_up and told.connections[self.place]:
                self.close_connection = True
                return
            told.connections[self.place] += 1
            told.cookies.append(self.headers["Cookie"])
            self.send_response(200)
            self.send_header("Content-Length", str(len(DATA)))
            self.send_header("ETag", '"one"')
            self.send_header("Set-Cookie", "session=CANARY; Path=/")
            self.end_headers()
            self.wfile.write(DATA)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.port = server.server_address[1]
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield told
    server.shutdown()
    server.server_close()


def at_home(host: str, port: int) -> Sequence[str]:
    return ("127.0.0.1",)


def downloader(folder: Path, hosts: AllowedHosts | None = None) -> HttpDownloader:
    """One that would wait for a minute before a second try."""
    hosts = hosts or AllowedHosts((), allow_private=True, resolve=at_home)
    return HttpDownloader(hosts, DiskReservation(folder), first_wait_s=60.0)


def test_one_connection_brings_one_file_after_the_other(media_host: Host, tmp_path: Path) -> None:
    made = downloader(tmp_path)
    for number in range(3):
        part = tmp_path / f"{number}.part"
        made.fetch(media_host.link, part, no_progress)
        assert part.read_bytes() == DATA
    made.close()

    assert media_host.connections == [3]


def test_a_host_that_hung_up_meanwhile_is_asked_again_at_once(
    media_host: Host, tmp_path: Path
) -> None:
    media_host.hangs_up = True
    made = downloader(tmp_path)
    for number in range(3):
        part = tmp_path / f"{number}.part"
        made.fetch(media_host.link, part, no_progress)
        assert part.read_bytes() == DATA
    made.close()

    assert media_host.connections == [1, 1, 1]


def test_a_cookie_is_never_sent_back(media_host: Host, tmp_path: Path) -> None:
    made = downloader(tmp_path)
    for _ in range(2):
        made.fetch(media_host.link, tmp_path / "recording.part", no_progress)
    made.close()

    assert media_host.cookies == [None, None]


def test_a_kept_connection_is_no_way_around_the_check_of_the_address(
    media_host: Host, tmp_path: Path
) -> None:
    answers = iter([("127.0.0.1",), ("169.254.169.254",)])
    hosts = AllowedHosts((), allow_private=True, resolve=lambda host, port: next(answers))
    made = downloader(tmp_path, hosts)
    made.fetch(media_host.link, tmp_path / "recording.part", no_progress)
    with pytest.raises(RecordError) as raised:
        made.fetch(media_host.link, tmp_path / "recording.part", no_progress)
    made.close()

    assert raised.value.code == "forbidden_host"
    assert media_host.connections == [1]


def test_closing_after_the_last_byte_stops_and_breaks_nothing(
    media_host: Host, tmp_path: Path
) -> None:
    made = downloader(tmp_path)

    def close_at_the_end(fraction: float) -> None:
        if fraction == 1.0:
            made.close()

    with pytest.raises(Stopped):
        made.fetch(media_host.link, tmp_path / "recording.part", close_at_the_end)
    assert (tmp_path / "recording.part").read_bytes() == DATA
