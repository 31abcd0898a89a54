"""A call ends at its deadline, wherever the other side lets it wait."""

import socket
import ssl
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from requests import PreparedRequest, Request

from meeting_pipeline.adapters.http.answer import Answer, refuse_failures
from meeting_pipeline.adapters.http.client import Http, Timeouts
from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.errors import RetryableError, Stopped
from tests.support.certificates import self_signed, server_side
from tests.support.clocks import FakeTime
from tests.support.scripted_server import ScriptedServer, json_reply
from tests.support.trickling_servers import (
    BODIES,
    HANDSHAKE,
    HEADS,
    Step,
    listening,
    reads_nothing,
    spoken_to,
)

pytestmark = pytest.mark.timeout(60)

TRICKLES = {**HEADS, **BODIES}
PATIENT = Timeouts(connect_s=600, read_s=600, total_s=0.1)


def an_http(timeouts: Timeouts = PATIENT) -> Http:
    """One that waits for ever between two bytes, and not at all between two tries."""
    passing = FakeTime()
    rate = RateLimit(1000, stop=passing, clock=passing.clock)
    return Http("测试", stop=passing, rates=[rate], timeouts=timeouts, clock=passing.clock)


def call(http: Http, url: str, body: bytes = b"") -> object:
    def prepare() -> PreparedRequest:
        return Request("POST", url, data=body).prepare()

    def parse_response(answer: Answer) -> object:
        refuse_failures(answer)
        return answer.json()

    return http.call("POST /v1", prepare, parse_response)


def encrypted(tls: ssl.SSLContext, answer: Step) -> Step:
    """The same, by TLS."""

    def behave(connection: socket.socket) -> None:
        with tls.wrap_socket(connection, server_side=True) as secure:
            spoken_to(answer)(secure)

    return behave


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """How a server speaks that we trust by the name "localhost"."""
    certificate = self_signed(tmp_path, "localhost")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    return server_side(certificate)


def assert_given_up(url: str, body: bytes = b"") -> None:
    with pytest.raises(RetryableError) as error:
        call(an_http(), url, body)
    assert error.value.code == "network"
    assert error.value.message == "POST /v1: the answer was not complete in 0.1 s"


@pytest.mark.slow
@pytest.mark.parametrize("what", [*TRICKLES])
def test_row_11_and_security_07_an_answer_that_trickles_in_is_given_up(what: str) -> None:
    with ScriptedServer(TRICKLES[what]) as server:
        assert_given_up(server.url)
    assert len(server.heads) == 5


@pytest.mark.slow
def test_row_11_what_came_in_time_at_another_try_is_taken() -> None:
    with ScriptedServer(HEADS["header"], BODIES["body"], json_reply({"答": "好"})) as server:
        http = an_http(replace(PATIENT, total_s=0.5))
        assert call(http, server.url) == {"答": "好"}


@pytest.mark.slow
def test_row_11_a_kept_connection_has_a_deadline_too() -> None:
    asked: list[bytes] = []

    def well_at_first(connection: socket.socket) -> None:
        while request := connection.recv(65_536):
            asked.append(request)
            if len(asked) > 1:
                HEADS["header"](connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with listening(well_at_first) as port:
        http = an_http(replace(PATIENT, total_s=0.5))
        assert call(http, f"http://127.0.0.1:{port}") == {}
        with pytest.raises(RetryableError) as error:
            call(http, f"http://127.0.0.1:{port}")
    assert "not complete" in error.value.message
    assert len(asked) == 6


def test_row_11_an_upload_that_is_not_read_is_given_up() -> None:
    with listening(reads_nothing) as port:
        assert_given_up(f"http://127.0.0.1:{port}", bytes(32 << 20))


def test_row_11_a_handshake_that_trickles_in_is_given_up() -> None:
    with listening(HANDSHAKE) as port:
        assert_given_up(f"https://127.0.0.1:{port}")


@pytest.mark.slow
@pytest.mark.parametrize("what", [*HEADS, "body", "trailers"])
def test_row_11_an_encrypted_answer_that_trickles_in_is_given_up(
    what: str, tls: ssl.SSLContext
) -> None:
    with listening(encrypted(tls, TRICKLES[what])) as port:
        assert_given_up(f"https://localhost:{port}")


@pytest.mark.slow
@pytest.mark.parametrize("what", ["status line", "header", "header lines"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_row_11_a_proxy_that_trickles_is_given_up(
    scheme: str, what: str, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = spoken_to(HEADS[what])
    with listening(encrypted(tls, HEADS[what]) if scheme == "https" else proxy) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://localhost:{port}")
        assert_given_up("https://meeting.invalid")


def test_a_call_is_broken_off_while_a_handshake_trickles_in() -> None:
    begun = threading.Event()

    def shake_hands(connection: socket.socket) -> None:
        connection.recv(1)  # the client has begun
        begun.set()
        HANDSHAKE(connection)

    def close() -> None:
        begun.wait(60)
        http.close()

    http = an_http(replace(PATIENT, total_s=600))
    with listening(shake_hands) as port:
        closing = threading.Thread(target=close)
        closing.start()
        with pytest.raises(Stopped):
            call(http, f"https://127.0.0.1:{port}")
        closing.join()
