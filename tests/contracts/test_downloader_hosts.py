"""Nobody is asked who must not be, wherever links and redirects point."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from meeting_pipeline.adapters.media.hosts import AllowedHosts
from meeting_pipeline.errors import RecordError, RetryableError
from meeting_pipeline.ports import MediaLink, no_progress
from tests.support.downloaders import KINDS, MEDIA, ClosableDownloader, host, link, make
from tests.support.fault_server import Behaviour, Exchange, FaultServer


def redirecting(*targets: str) -> Behaviour:
    """Through the targets in their order, then the file."""

    def behave(exchange: Exchange) -> None:
        hop = int(exchange.path.rpartition("hop=")[2] or 0) if "hop=" in exchange.path else 0
        if hop < len(targets):
            exchange.head("302 Found", Location=targets[hop], Content_Length=0)
        else:
            exchange.serve()

    return behave


def test_three_redirects_are_followed_and_a_fourth_is_not(
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
def test_a_redirect_to_a_forbidden_host_is_refused(
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


def test_a_redirect_that_only_aria2_gets_leads_nowhere(
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
