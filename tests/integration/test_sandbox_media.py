"""The sandbox's download host: links, ranges, and the faults that downloaders must survive."""

import time
from collections.abc import Iterator
from random import Random

import pytest
import requests

from meeting_pipeline.sandbox.company import Company, Person, Record, RecordFile
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.sandbox_client import Clock, SandboxClient

SOUND = Random(7).randbytes(100_000)
FILE = "13339451618278424870.m4a"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[Sandbox]:
    file = RecordFile("13339451618278424870", clock() - 90, clock(), audio=SOUND, transcript="王")
    record = Record("7", "8", "9", "admin", "周会", clock() - 90, (file,))
    company = Company([Person("admin", "管理员", is_admin=True)], [record])
    with Sandbox(company, limits=ROOMY, now=clock) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox, clock: Clock) -> SandboxClient:
    return SandboxClient(sandbox, clock)


@pytest.fixture
def link(client: SandboxClient) -> str:
    return client.media_link("7")


def test_a_plain_get_brings_the_file_and_every_byte_is_counted(
    client: SandboxClient, sandbox: Sandbox, link: str
) -> None:
    whole = client.fetch(link)
    assert (whole.status_code, whole.content) == (200, SOUND)
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert sandbox.ledger.times_fetched() == {FILE: 1.0}


@pytest.mark.parametrize(
    ("asked", "first", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=99990-", 99_990, 100_000),
        ("bytes=-5", 99_995, 100_000),
        ("bytes=40000-999999", 40_000, 100_000),
    ],
)
def test_a_range_is_honoured(
    client: SandboxClient, link: str, asked: str, first: int, stop: int
) -> None:
    part = client.fetch(link, Range=asked)
    assert (part.status_code, part.content) == (206, SOUND[first:stop])
    assert part.headers["Content-Range"] == f"bytes {first}-{stop - 1}/100000"


def test_a_range_behind_the_end_is_416(client: SandboxClient, link: str) -> None:
    part = client.fetch(link, Range="bytes=100000-")
    assert (part.status_code, part.headers["Content-Range"]) == (416, "bytes */100000")


def test_if_range_with_another_tag_brings_the_whole_file(client: SandboxClient, link: str) -> None:
    tag = client.fetch(link, Range="bytes=0-0").headers["ETag"]
    assert client.fetch(link, Range="bytes=5-", **{"If-Range": tag}).status_code == 206
    assert client.fetch(link, Range="bytes=5-", **{"If-Range": '"other"'}).status_code == 200


def test_a_link_dies_after_its_lifetime_and_a_new_one_resumes(
    client: SandboxClient, clock: Clock, link: str
) -> None:
    clock.forward(ROOMY.link_ttl_s)
    assert client.fetch(link).status_code == 403
    assert client.fetch(link.partition("?")[0]).status_code == 403
    fresh = client.media_link("7")
    assert client.fetch(fresh, Range="bytes=99999-").content == SOUND[99_999:]


def test_all_links_can_be_expired_at_once(
    client: SandboxClient, sandbox: Sandbox, link: str
) -> None:
    sandbox.media.expire_links()
    assert client.fetch(link).status_code == 403


@pytest.mark.parametrize(
    "name", ["X-TC-Key", "x-tc-signature", "AppId", "SdkId", "Authorization", "STS-Token"]
)
def test_credentials_never_belong_on_the_media_host(
    client: SandboxClient, sandbox: Sandbox, link: str, name: str
) -> None:
    assert client.fetch(link, **{name: "x"}).status_code == 400
    assert sandbox.ledger.rules_broken() == {"credentials_on_media_host": 1}


@pytest.mark.parametrize(
    ("fault", "content"),
    [
        (Fault(Kind.EMPTY_200), b""),
        (Fault(Kind.SHORT_NO_LENGTH), SOUND[:50_000]),
        (Fault(Kind.CHANGED, content=b"other"), b"other"),
        (Fault(Kind.HOLE), SOUND[:33_333] + bytes(33_333) + SOUND[66_666:]),
        (Fault(Kind.THROTTLE, amount=1_000_000), SOUND),
    ],
)
def test_the_body_is_spoilt(
    client: SandboxClient, sandbox: Sandbox, link: str, fault: Fault, content: bytes
) -> None:
    sandbox.faults.add(fault)
    assert client.fetch(link).content == content


def test_html_comes_instead_of_the_file_or_inside_it(
    client: SandboxClient, sandbox: Sandbox, link: str
) -> None:
    sandbox.faults.add(Fault(Kind.HTML_200, calls=(1,)), Fault(Kind.HTML_INSIDE, calls=(2,)))
    assert client.fetch(link).content.startswith(b"<html>")
    inside = client.fetch(link).content
    assert (len(inside), inside.count(b"<html>")) == (100_000, 1)


def test_the_connection_breaks_half_way(client: SandboxClient, sandbox: Sandbox, link: str) -> None:
    sandbox.faults.add(Fault(Kind.TRUNCATED, calls=(1,), amount=30_000))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.fetch(link)
    assert client.fetch(link, Range="bytes=30000-").content == SOUND[30_000:]


def test_the_link_dies_half_way(client: SandboxClient, sandbox: Sandbox, link: str) -> None:
    sandbox.faults.add(Fault(Kind.EXPIRES_AFTER, calls=(1,), amount=30_000))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.fetch(link)
    assert client.fetch(link, Range="bytes=30000-").status_code == 403
    assert client.fetch(client.media_link("7")).content == SOUND


def test_ranges_bring_wrong_bytes_or_are_ignored(
    client: SandboxClient, sandbox: Sandbox, link: str
) -> None:
    sandbox.faults.add(Fault(Kind.WRONG_BYTES, calls=(1,)), Fault(Kind.NO_RANGE, calls=(2,)))
    wrong = client.fetch(link, Range="bytes=0-99")
    assert (wrong.status_code, len(wrong.content)) == (206, 100)
    assert wrong.content != SOUND[:100]
    assert client.fetch(link, Range="bytes=0-99").content == SOUND


def test_the_object_changes_between_two_attempts(
    client: SandboxClient, sandbox: Sandbox, link: str
) -> None:
    other = Random(8).randbytes(100_000)
    sandbox.faults.add(Fault(Kind.CHANGED, calls=range(2, 9), content=other))
    first, second = client.fetch(link), client.fetch(link)
    assert first.headers["ETag"] != second.headers["ETag"]
    assert (first.content, second.content) == (SOUND, other)


def test_the_host_is_busy_or_sends_elsewhere(
    client: SandboxClient, sandbox: Sandbox, link: str
) -> None:
    sandbox.faults.add(
        Fault(Kind.HTTP_503, calls=(1,), amount=3),
        Fault(Kind.HTTP_429, calls=(2,), text="Mon, 05 Jan 2026 08:00:09 GMT"),
        Fault(Kind.REDIRECT, calls=(3,), text="http://169.254.169.254/"),
        Fault(Kind.FORBIDDEN, calls=(4,)),
    )
    answers = [client.fetch(link) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [503, 429, 302, 403, 200]
    assert answers[0].headers["Retry-After"] == "3"
    assert answers[1].headers["Retry-After"].endswith("GMT")
    assert answers[2].headers["Location"] == "http://169.254.169.254/"


def test_a_stalled_download_ends_when_the_sandbox_stops(clock: Clock, sandbox: Sandbox) -> None:
    client = SandboxClient(sandbox, clock)
    sandbox.faults.add(Fault(Kind.STALL, "media", amount=3_600))
    link = client.media_link("7")
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(link, timeout=0.2)
    before = time.monotonic()
    sandbox.stop()
    assert time.monotonic() - before < 60


def test_a_fault_strikes_only_where_it_is_asked_to(
    client: SandboxClient, sandbox: Sandbox, link: str
) -> None:
    sandbox.faults.add(Fault(Kind.FORBIDDEN, "media", match="another-file"))
    assert client.fetch(link).status_code == 200
