"""Which links are fetched."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from meeting_pipeline.adapters.downloads.disk import DiskReservation
from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.adapters.downloads.http import HttpDownloader
from meeting_pipeline.errors import RecordError, RetryableError
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.sources import MediaLink
from tests.support.fault_server import FaultServer

SUFFIXES = ("myqcloud.com", "meeting.tencent.com")
GOOD = "https://meeting-1253.cos.ap-guangzhou.myqcloud.com/a.m4a?token=x"
PUBLIC = ("119.29.29.29", "2402:4e00::1", "64:ff9b::771d:1d1d")
INTERNAL = (
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fc00::1",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "2001:db8::1",
)
FORBIDDEN = (
    "http://a.myqcloud.com/",
    "ftp://a.myqcloud.com/",
    "file:///etc/passwd",
    "//a.myqcloud.com/",
    "/etc/passwd",
    "",
    "https://a.myqcloud.com:8443/",
    "https://a.myqcloud.com:99999/",
    "https://myqcloud.com.evil.example/",
    "https://evilmyqcloud.com/",
    "https://evil.example/a.myqcloud.com",
    "https://evil.example/?a.myqcloud.com",
    "https://evil.example#a.myqcloud.com",
    "https://a.myqcloud.com@evil.example/",
    "https://user:word@a.myqcloud.com/",
    "https://evil.example\\@a.myqcloud.com/",
    "https://evil.example\t.myqcloud.com/",
    "https://a.myqcloud.com。evil.example/",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::1/",
    "https://localhost/",
)


def at(*addresses: str) -> AllowedHosts:
    return AllowedHosts(SUFFIXES, resolve=lambda host, port: addresses)


@pytest.mark.parametrize("address", PUBLIC)
def test_listed_hosts_at_public_addresses_are_fetched_from(address: str) -> None:
    hosts = at(address)
    hosts.check(GOOD)
    hosts.check("https://MEETING.tencent.com./a")

    assert hosts.addresses("meeting.tencent.com", 443) == (address,)


@pytest.mark.parametrize("url", FORBIDDEN)
def test_security_01_other_links_are_refused(url: str) -> None:
    with pytest.raises(RecordError) as raised:
        at("119.29.29.29").check(url)
    assert raised.value.code == "forbidden_host"


@pytest.mark.parametrize("address", INTERNAL)
def test_security_01_a_listed_name_at_an_internal_address_is_refused(address: str) -> None:
    with pytest.raises(RecordError) as raised:
        at("119.29.29.29", address).addresses("a.myqcloud.com", 443)
    assert raised.value.code == "forbidden_host"


def test_security_01_no_connection_is_made_where_a_listed_name_leads_home(tmp_path: Path) -> None:
    with FaultServer(b"canary").running() as canary:
        hosts = AllowedHosts(SUFFIXES, resolve=lambda host, port: ("127.0.0.1",))
        made = HttpDownloader(hosts, DiskReservation(tmp_path))
        with pytest.raises(RecordError):
            made.fetch(MediaLink(GOOD, "m4a"), tmp_path / "recording.m4a.part", no_progress)
    assert not canary.asked


def test_security_01_a_connection_goes_to_the_address_that_was_checked(tmp_path: Path) -> None:
    answers = iter([("127.0.0.1",), ("0.0.0.0",)])

    def rebinding(host: str, port: int) -> Sequence[str]:
        return next(answers)

    with FaultServer(b"media").running() as server:
        hosts = AllowedHosts(SUFFIXES, allow_private=True, resolve=rebinding)
        link = MediaLink(f"http://rebinding.test:{server.port}/", "m4a")
        HttpDownloader(hosts, DiskReservation(tmp_path)).fetch(
            link, tmp_path / "recording.m4a.part", no_progress
        )
    assert server.asked[0].headers["host"] == f"rebinding.test:{server.port}"
    assert next(answers) == ("0.0.0.0",)


def test_the_next_address_is_tried_where_one_does_not_answer(tmp_path: Path) -> None:
    with FaultServer(b"media").running() as server:
        hosts = AllowedHosts(
            (), allow_private=True, resolve=lambda host, port: ("127.0.0.2", "127.0.0.1")
        )
        link = MediaLink(f"http://two.test:{server.port}/", "m4a")
        part = tmp_path / "recording.m4a.part"
        HttpDownloader(hosts, DiskReservation(tmp_path)).fetch(link, part, no_progress)
    assert part.read_bytes() == b"media"


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "fc00::1"])
def test_the_switch_opens_private_networks_and_says_so(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        hosts = AllowedHosts((), allow_private=True, resolve=lambda host, port: (address,))
    hosts.check("http://sandbox.test:8080/")

    assert hosts.addresses("sandbox.test", 8080) == (address,)
    assert caplog.text.count("ALLOW_PRIVATE_HOSTS") == 1


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "fe80::1", "8.8.8.8"]
)
def test_the_switch_opens_nothing_else(address: str) -> None:
    hosts = AllowedHosts((), allow_private=True, resolve=lambda host, port: (address,))
    with pytest.raises(RecordError):
        hosts.addresses("sandbox.test", 8080)


def test_a_name_without_an_address_may_have_one_later() -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("没有这个主机")

    with pytest.raises(RetryableError) as raised:
        AllowedHosts(SUFFIXES, resolve=unknown).addresses("a.myqcloud.com", 443)
    assert raised.value.code == "host_not_found"


@pytest.mark.parametrize(
    "address",
    [
        *("192.0.0.192", "100.64.0.1", "198.18.0.1", "192.88.99.1", "240.0.0.1", "255.255.255.255"),
        *("64:ff9b:1::7f00:1", "::127.0.0.1", "::8.8.8.8", "fec0::1", "fe80::1", "fd00::1", "::"),
        *("64:ff9b::10.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::", "2001:0:7f00:1::1"),
        *("2001:db8::1", "3fff::1", "5f00::1", "100::1", "4000::1", "ff02::1", "::ffff:0:8.8.8.8"),
    ],
)
def test_an_address_that_is_not_global_unicast_is_refused(address: str) -> None:
    hosts = AllowedHosts(["example.com"], resolve=lambda host, port: [address])
    with pytest.raises(RecordError) as refusal:
        hosts.addresses("media.example.com", 443)
    assert refusal.value.code == "forbidden_host"


@pytest.mark.parametrize("address", ["8.8.8.8", "2400:3200::1", "64:ff9b::8.8.8.8"])
def test_a_global_address_is_accepted(address: str) -> None:
    hosts = AllowedHosts(["example.com"], resolve=lambda host, port: [address])
    assert hosts.addresses("media.example.com", 443) == [address]
