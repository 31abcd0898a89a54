"""Certificates are always verified, by every downloader and through the tunnel."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meeting_pipeline.errors import FatalError
from meeting_pipeline.ports import no_progress
from tests.support.downloaders import ARIA2_KINDS, KINDS, MEDIA, ClosableDownloader, link, make
from tests.support.fault_server import FaultServer

Issue = Callable[[str], Path]


@pytest.fixture
def issue(tmp_path: Path) -> Issue:
    """Makes a key and a self-signed certificate for a name, in one file."""

    def issued(name: str, days: int = 1) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=9))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        secret = key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = tmp_path / f"{name}-{days}.pem"
        file.write_bytes(secret + certificate.public_bytes(pem))
        return file

    return issued


def serving(certificate: Path) -> FaultServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return FaultServer(MEDIA, tls=context)


def test_a_host_that_nobody_vouches_for_is_refused(
    downloader: ClosableDownloader, part: Path, issue: Issue
) -> None:
    with serving(issue("localhost")).running() as server, pytest.raises(FatalError) as raised:
        downloader.fetch(link(server), part, no_progress)

    assert raised.value.code == "tls_failed"
    assert not server.asked


@pytest.mark.parametrize(("name", "days"), [("elsewhere.test", 1), ("localhost", -1)])
def test_a_certificate_for_another_name_or_time_is_refused(
    name: str,
    days: int,
    downloader: ClosableDownloader,
    part: Path,
    issue: Callable[[str, int], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificate = issue(name, days)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serving(certificate).running() as server, pytest.raises(FatalError) as raised:
        downloader.fetch(link(server), part, no_progress)

    assert raised.value.code == "tls_failed"
    assert not server.asked


@pytest.mark.parametrize("kind", KINDS)
def test_the_companys_own_certificates_are_trusted(
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
