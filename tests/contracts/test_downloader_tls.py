"""Certificates are always verified, by every downloader and through the tunnel."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from meeting_pipeline.errors import FatalError
from meeting_pipeline.ports.progress import no_progress
from tests.support.certificates import self_signed, server_side
from tests.support.downloaders import ARIA2_KINDS, KINDS, MEDIA, ClosableDownloader, link, make
from tests.support.fault_server import FaultServer

Issue = Callable[..., Path]


@pytest.fixture
def issue(tmp_path: Path) -> Issue:
    """Makes a key and a self-signed certificate for a name, in one file."""
    return partial(self_signed, tmp_path)


def serving(certificate: Path) -> FaultServer:
    return FaultServer(MEDIA, tls=server_side(certificate))


def test_security_02_a_host_that_nobody_vouches_for_is_refused(
    downloader: ClosableDownloader, part: Path, issue: Issue
) -> None:
    with serving(issue("localhost")).running() as server, pytest.raises(FatalError) as raised:
        downloader.fetch(link(server), part, no_progress)

    assert raised.value.code == "tls_failed"
    assert not server.asked


@pytest.mark.parametrize(("name", "days"), [("elsewhere.test", 1), ("localhost", -1)])
def test_security_02_a_certificate_for_another_name_or_time_is_refused(
    name: str,
    days: int,
    downloader: ClosableDownloader,
    part: Path,
    issue: Issue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificate = issue(name, days)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serving(certificate).running() as server, pytest.raises(FatalError) as raised:
        downloader.fetch(link(server), part, no_progress)

    assert raised.value.code == "tls_failed"
    assert not server.asked


@pytest.mark.parametrize("kind", KINDS)
def test_security_02_the_companys_own_certificates_are_trusted(
    kind: str, part: Path, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = issue("localhost")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    made = make(kind, part.parent)
    with serving(certificate).running() as server:
        made.fetch(link(server), part, no_progress)
    made.close()

    assert part.read_bytes() == MEDIA
    assert {exchange.headers["host"] for exchange in server.asked} == {f"localhost:{server.port}"}
    agents = {exchange.headers["user-agent"].partition("/")[0] for exchange in server.asked}
    assert kind not in ARIA2_KINDS or "aria2" in agents
