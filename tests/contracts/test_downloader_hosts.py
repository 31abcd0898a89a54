"""Nobody is asked who must not be, wherever links and redirects point."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.errors import RecordError, RetryableError
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.sources import MediaLink
from tests.support.downloaders import KINDS, MEDIA, ClosableDownloader, host, link, make
from tests.support.fault_server import Behaviour, Exchange, FaultServer

HOMES = (
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1", "100.64.0.1"),
    *("169.254.169.254", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1"),
    *("fc00::1", "fe80::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"),
    *("64:ff9b::a00:1", "2002:7f00:1::", "2001:db8::1", "::ffff:169.254.169.254"),
)

Connections = list[tuple[str, int]]
_noted: list[Connections] = []


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" and _noted and isinstance(arguments[1], tuple):
        _noted[-1].append((arguments[1][0], arguments[1][1]))


sys.addaudithook(_note)


@pytest.fixture
def connections() -> Iterator[Connections]:
    """Where this process connected to; for aria2c that is the tunnel, its only way out."""
    _noted.append([])
    yield _noted[-1]
    _noted.clear()


def redirecting(*targets: str) -> Behaviour:
    """Through the targets in their order, then the file."""

    def behave(exchange: Exchange) -> None:
        hop = int(exchange.path.rpartition("hop=")[2] or 0) if "hop=" in exchange.path else 0
        if hop < len(targets):
            exchange.head("302 Found", Location=targets[hop], Content_Length=0)
        else:
            exchange.serve()

    return behave


def test_security_01_three_redirects_are_followed_and_a_fourth_is_not(
    downloader: ClosableDownloader, part: Path
) -> None:
    hops = [f"/cos/next.m4a?hop={hop}" for hop in range(1, 5)]
    with host(redirecting(*hops[:3])) as server:
        downloader.fetch(link(server), part, no_progress)
    assert part.read_bytes() == MEDIA
    with host(redirecting(*hops)) as server, pytest.raises(RecordError) as raised:
        downloader.fetch(link(server), part, no_progress)
    assert raised.value.code == "forbidden_host"


ELSEWHERE = (
    "http://0.0.0.0:{port}/",
    "http://[::]:{port}/",
    "http://user@127.0.0.1:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]/",
    "http://224.0.0.1:{port}/",
    "file:///etc/passwd",
    "ftp://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@example.com/",
)


@pytest.mark.parametrize("target", ELSEWHERE)
def test_security_01_a_redirect_to_a_forbidden_host_is_refused(
    target: str, downloader: ClosableDownloader, part: Path, canary: FaultServer
) -> None:
    with (
        host(redirecting(target.format(port=canary.port))) as server,
        pytest.raises(RecordError) as raised,
    ):
        downloader.fetch(link(server), part, no_progress)

    assert raised.value.code == "forbidden_host"
    assert not canary.asked
    assert not part.exists()


def test_security_01_a_redirect_that_only_aria2_gets_leads_nowhere(
    downloader: ClosableDownloader, part: Path, canary: FaultServer
) -> None:
    def two_faced(exchange: Exchange) -> None:
        if "aria2" in exchange.headers["user-agent"]:
            where = f"http://0.0.0.0:{canary.port}/"
            exchange.head("302 Found", Location=where, Content_Length=0)
        else:
            exchange.serve()

    with host(two_faced) as server:
        downloader.fetch(link(server), part, no_progress)

    assert part.read_bytes() == MEDIA
    assert not canary.asked


TWENTY_FIVE = (
    "http://127.0.0.1:{port}/a.m4a",
    "https://127.0.0.1:{port}/a.m4a",
    "https://localhost:{port}/a.m4a",
    "https://0.0.0.0:{port}/a.m4a",
    "https://127.1:{port}/a.m4a",
    "https://0177.0.0.1:{port}/a.m4a",
    "https://0x7f.1:{port}/a.m4a",
    "https://2130706433:{port}/a.m4a",
    "https://[::1]:{port}/a.m4a",
    "https://[::]:{port}/a.m4a",
    "https://[::ffff:127.0.0.1]:{port}/a.m4a",
    "https://[64:ff9b::7f00:1]:{port}/a.m4a",
    "https://user@127.0.0.1:{port}/a.m4a",
    "https://a.myqcloud.com@127.0.0.1:{port}/a.m4a",
    "https://127.0.0.1:{port}\\@a.myqcloud.com/a.m4a",
    "https://127.0.0.1:{port}#a.myqcloud.com/a.m4a",
    "https://127.0.0.1:{port}/a.myqcloud.com",
    "https://a.myqcloud.com:{port}/a.m4a",
    "http://a.myqcloud.com:{port}/a.m4a",
    "https://a.myqcloud.com.127.0.0.1:{port}/a.m4a",
    "//127.0.0.1:{port}/a.m4a",
    "ftp://127.0.0.1:{port}/a.m4a",
    "gopher://127.0.0.1:{port}/a.m4a",
    "file:///etc/passwd",
    "https://169.254.169.254/latest/meta-data/",
)


class OneMoreHost(AllowedHosts):
    """As the settings have it, but for one place on loopback, from which redirects come."""

    def __init__(self, place: str) -> None:
        super().__init__(("myqcloud.com",), resolve=lambda host, port: ("127.0.0.1",))
        self._place = place

    def check(self, url: str) -> None:
        if not url.startswith(f"http://{self._place}/"):
            super().check(url)

    def addresses(self, host: str, port: int) -> Sequence[str]:
        if f"{host}:{port}" == self._place:
            return ("127.0.0.1",)
        return super().addresses(host, port)


@pytest.mark.parametrize("kind", ["http", "aria2"])
def test_security_01_twenty_five_links_and_redirects_lead_nowhere(
    kind: str, part: Path, canary: FaultServer, connections: Connections
) -> None:
    urls = [url.format(port=canary.port) for url in TWENTY_FIVE]
    assert len({*urls}) == 25
    with host(lambda exchange: redirecting(urls[int(exchange.path[1:])])(exchange)) as server:
        place = f"127.0.0.1:{server.port}"
        made = make(kind, part.parent, hosts=OneMoreHost(place))
        for number, url in enumerate(urls):
            for way in (url, f"http://{place}/{number}"):
                with pytest.raises(RecordError) as raised:
                    made.fetch(MediaLink(way, "m4a"), part, no_progress)
                assert (raised.value.code, part.exists()) == ("forbidden_host", False), way
        made.close()
        assert len(server.asked) == 25, "every redirect was looked at"

    assert {port for _, port in connections} == {server.port}
    assert not canary.asked


@pytest.mark.parametrize("kind", ["http", "aria2"])
def test_security_01_twenty_five_names_that_lead_home_are_not_connected_to(
    kind: str, part: Path, canary: FaultServer, connections: Connections
) -> None:
    """Each is on the list; one looks the same but for its second address."""
    answers: dict[str, Sequence[str]] = {
        f"host{number}.myqcloud.com": (home,) for number, home in enumerate(HOMES)
    }
    answers["both.myqcloud.com"] = ("119.29.29.29", "127.0.0.1")
    assert len(answers) == 25
    hosts = AllowedHosts(("myqcloud.com",), resolve=lambda host, port: answers[host])
    made = make(kind, part.parent, hosts=hosts)
    for name in answers:
        with pytest.raises(RecordError) as raised:
            made.fetch(MediaLink(f"https://{name}/a.m4a", "m4a"), part, no_progress)
        assert raised.value.code == "forbidden_host", name
    made.close()

    assert [*connections] == []
    assert not canary.asked


def test_nothing_of_ours_is_sent_to_a_media_host(
    downloader: ClosableDownloader, part: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password CANARY-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with host() as server:
        downloader.fetch(link(server), part, no_progress)

    known = {"host", "user-agent", "accept", "accept-encoding", "connection", "range", "if-range"}
    aria2s = {"want-digest", "cache-control", "pragma"}
    for exchange in server.asked:
        assert set(exchange.headers) <= known | aria2s
        assert exchange.headers["host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_proxy_is_asked_for_the_name_and_only_for_allowed_ones(
    kind: str, part: Path, canary: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{canary.port}")
    made = make(kind, part.parent, hosts=AllowedHosts(("myqcloud.com",), resolve=_nobody_resolves))
    with pytest.raises(RetryableError):
        made.fetch(MediaLink("https://a.myqcloud.com/a.m4a", "m4a"), part, no_progress)
    with pytest.raises(RecordError):
        made.fetch(MediaLink("https://evil.example/a.m4a", "m4a"), part, no_progress)
    made.close()

    assert {exchange.path for exchange in canary.asked} == {"a.myqcloud.com:443"}


def _nobody_resolves(host: str, port: int) -> Sequence[str]:
    raise AssertionError(f"{host} was looked up here, not at the proxy")
