"""Calls over HTTP against real sockets: patient, polite, bounded, and never telling secrets."""

import gzip
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from requests import PreparedRequest, Request

from meeting_pipeline.adapters.http.answer import Answer, RetryLater, refuse_failures
from meeting_pipeline.adapters.http.client import Http, Timeouts
from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.errors import ConfigError, FatalError, MeetingError, RetryableError, Stopped
from tests.support.clocks import FakeTime
from tests.support.scripted_server import ScriptedServer, json_reply, reply, reset

SECRET = "SECRET-in-the-query"
FINE = json_reply({"答": "好"})
QUICK = Timeouts(connect_s=2, read_s=0.2, total_s=0.5)


def parse_response(answer: Answer) -> object:
    refuse_failures(answer)
    return answer.json()


def asks(url: str) -> Callable[[], PreparedRequest]:
    return lambda: Request("GET", f"{url}/v1/records?token={SECRET}").prepare()


def an_http(passing: FakeTime, timeouts: Timeouts = QUICK) -> Http:
    rate = RateLimit(1000, stop=passing, clock=passing.clock)
    return Http("测试", stop=passing, rates=[rate], timeouts=timeouts, clock=passing.clock)


def call(url: str, passing: FakeTime | None = None, timeouts: Timeouts = QUICK) -> object:
    return an_http(passing or FakeTime(), timeouts).call(
        "GET /v1/records", asks(url), parse_response
    )


def refused(url: str, passing: FakeTime | None = None) -> MeetingError:
    with pytest.raises(MeetingError) as error:
        call(url, passing)
    said = f"{error.value.message} {error.value.hint}"
    assert "GET /v1/records" in said or "测试" in said
    assert SECRET not in said
    return error.value


@pytest.fixture(autouse=True)
def nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.INFO)
    yield
    assert SECRET not in caplog.text


def test_an_answer_is_read_whole() -> None:
    with ScriptedServer(FINE) as server:
        assert call(server.url) == {"答": "好"}


def test_a_compressed_answer_is_unpacked() -> None:
    packed = gzip.compress(b'{"a": 1}')
    with ScriptedServer(reply(200, packed, "Content-Encoding: gzip")) as server:
        assert call(server.url) == {"a": 1}


@pytest.mark.parametrize(
    "step",
    [
        reply(502, "<html>网关错误</html>".encode()),
        reply(503),
        reset,
        lambda connection: None,
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"not HTTP at all\r\n\r\n",
        json_reply({}, 500),
    ],
)
def test_row_11_what_breaks_on_the_way_is_tried_again(
    step: bytes | Callable[[socket.socket], None],
) -> None:
    with ScriptedServer(step, step, FINE) as server:
        assert call(server.url) == {"答": "好"}
        assert len(server.heads) == 3


def test_row_08_five_tries_with_jitter_are_enough() -> None:
    passing = FakeTime()
    with ScriptedServer(reply(429)) as server:
        error = refused(server.url, passing)
        assert (error.code, len(server.heads)) == ("rate_limited", 5)
        assert isinstance(error, RetryableError) and not error.within_run
    assert len(passing.slept) == 4
    assert all(0 <= wait <= 2 * 2**number for number, wait in enumerate(passing.slept))


@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize("status", [429, 503])
def test_row_07_retry_after_is_obeyed_by_everybody(status: int, form: str) -> None:
    now = datetime.now(UTC)
    asked = "30" if form == "seconds" else format_datetime(now + timedelta(seconds=30), True)
    headers = (f"Retry-After: {asked}", f"Date: {format_datetime(now, True)}")
    passing = FakeTime()
    with ScriptedServer(reply(status, b"", *headers), FINE) as server:
        http = an_http(passing)
        assert http.call("GET /v1/records", asks(server.url), parse_response) == {"答": "好"}
    assert sum(passing.slept) == pytest.approx(30, abs=0.01)


def test_somebody_who_looks_on_waits_for_two_tries_at_most() -> None:
    passing = FakeTime()
    with ScriptedServer(reset) as server, pytest.raises(RetryableError):
        an_http(passing).with_short_timeouts().call(
            "GET /v1/records", asks(server.url), parse_response
        )
    assert len(server.heads) == 2
    busy = reply(429, b"", "Retry-After: 7")
    with ScriptedServer(busy) as server, pytest.raises(RetryableError) as refusal:
        an_http(passing).with_short_timeouts().call(
            "GET /v1/records", asks(server.url), parse_response
        )
    assert (len(server.heads), refusal.value.retry_after_s) == (1, 7.0)


def test_a_very_long_retry_after_is_not_waited_for() -> None:
    passing = FakeTime()
    with ScriptedServer(reply(429, b"", "Retry-After: 3600")) as server:
        http = an_http(passing)
        for _ in range(2):
            with pytest.raises(RetryableError) as error:
                http.call("GET /v1/records", asks(server.url), parse_response)
            assert error.value.retry_after_s == 3600
        assert len(server.heads) == 1
    assert passing.slept == []


def test_row_09_a_service_that_is_down_is_probed_every_30_seconds_at_most() -> None:
    passing = FakeTime()
    with ScriptedServer(reply(503)) as server:
        http = an_http(passing)
        started = passing.now
        while passing.now < started + 600:
            with pytest.raises(RetryableError) as error:
                http.call("GET /v1/records", asks(server.url), parse_response)
            passing.now += 1
        assert error.value.code in ("service_down", "service_failed")
        assert len(server.heads) <= 5 + 600 / 30 + 1


def test_a_service_that_came_back_is_used_again() -> None:
    passing = FakeTime()
    with ScriptedServer(*[reply(503)] * 5, FINE) as server:
        http = an_http(passing)
        codes = []
        for _ in range(2):
            with pytest.raises(RetryableError) as error:
                http.call("GET /v1/records", asks(server.url), parse_response)
            codes.append(error.value.code)
        assert codes == ["service_failed", "service_down"]
        passing.now += error.value.retry_after_s or 0
        for _ in range(3):
            assert http.call("GET /v1/records", asks(server.url), parse_response) == {"答": "好"}


def test_row_11_a_refused_connection_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    error = refused(f"http://127.0.0.1:{port}")
    assert (error.code, "connection refused" in error.message) == ("network", True)


def test_row_11_a_name_that_does_not_resolve_says_so() -> None:
    error = refused("http://no-such-host.invalid")
    assert (error.code, "resolved" in error.message) == ("network", True)


@pytest.mark.slow
def test_row_11_silence_ends_by_the_read_timeout() -> None:
    hold = threading.Event()

    def silence(connection: socket.socket) -> None:
        hold.wait(5)

    with ScriptedServer(silence) as server:
        error = refused(server.url)
        hold.set()
    assert (error.code, "no answer in time" in error.message) == ("network", True)


@pytest.mark.slow
def test_row_11_a_trickle_ends_by_the_total_timeout() -> None:
    over = threading.Event()

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not over.wait(0.05):
            connection.sendall(b" ")

    with ScriptedServer(trickle) as server:
        http = Http("测试", stop=FakeTime(), timeouts=Timeouts(read_s=1, total_s=0.2))
        with pytest.raises(RetryableError) as error:
            http.call("GET /v1/records", asks(server.url), parse_response)
        over.set()
    assert (error.value.code, "not complete" in error.value.message) == ("network", True)


def test_row_11_a_certificate_nobody_signed_is_fatal_and_not_tried_again(tmp_path: Path) -> None:
    with TlsServer(tmp_path) as port:
        error = refused(f"https://127.0.0.1:{port}")
    assert isinstance(error, FatalError) and error.code == "tls"


def test_row_11_a_server_without_tls_is_fatal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.recv(10_000)

        threading.Thread(target=serve, daemon=True).start()
        error = refused(f"https://127.0.0.1:{listener.getsockname()[1]}")
    assert isinstance(error, FatalError) and error.code == "tls"


def test_row_12_and_security_07_a_body_above_32_mb_is_refused_after_32_mb() -> None:
    sent = []

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        for number in range(1000):
            connection.sendall(b" " * 1_000_000)
            sent.append(number)

    with ScriptedServer(flood) as server:
        error = refused(server.url, None)
        assert (error.code, len(server.heads)) == ("bad_answer", 2)
    assert len(sent) < 100


def test_row_12_what_is_no_json_gets_one_more_chance() -> None:
    with ScriptedServer(reply(200, "<html>网关</html>".encode())) as server:
        error = refused(server.url)
        assert (error.code, len(server.heads)) == ("bad_answer", 2)


def test_redirects_are_not_followed() -> None:
    with ScriptedServer(FINE) as elsewhere:
        to = f"Location: {elsewhere.url}/"
        with ScriptedServer(reply(302, b"", to)) as server:
            assert refused(server.url).code == "bad_answer"
        assert elsewhere.heads == []


def test_row_04_every_attempt_is_prepared_anew() -> None:
    prepared: list[str] = []
    with ScriptedServer(reply(503), reply(503), FINE) as server:

        def prepare() -> PreparedRequest:
            prepared.append(f"attempt-{len(prepared)}")
            return Request("GET", server.url, headers={"X-Nonce": prepared[-1]}).prepare()

        an_http(FakeTime()).call("GET /", prepare, parse_response)
        sent = [head.partition("X-Nonce: ")[2].split("\r\n")[0] for head in server.heads]
        assert sent == ["attempt-0", "attempt-1", "attempt-2"]


def test_no_password_of_this_machine_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with ScriptedServer(reply(200, b"{}", "Set-Cookie: a=b"), FINE) as server:
        http = an_http(FakeTime())
        for _ in range(2):
            http.call("GET /v1/records", asks(server.url), parse_response)
        sent = "".join(server.heads).lower()
    assert "authorization" not in sent and "cookie" not in sent


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(FINE) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert call("http://meeting.invalid") == {"答": "好"}
        assert proxy.heads[0].startswith("GET http://meeting.invalid/v1/records")


def test_a_missing_file_of_certificates_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/证书.pem")
    error = refused("https://127.0.0.1:1")
    assert isinstance(error, ConfigError) and error.code == "no_certificates"


@pytest.mark.parametrize("url", ["", "ftp://host", "http://", "http://[bad"])
def test_an_address_that_is_none_is_a_setting_to_mend(url: str) -> None:
    assert isinstance(refused(url), ConfigError)


@pytest.mark.parametrize("value", ["请填写", "key\nwith a line"])
def test_a_credential_that_no_header_can_carry_is_a_setting_to_mend(value: str) -> None:
    with ScriptedServer(FINE) as server, pytest.raises(ConfigError) as error:
        an_http(FakeTime()).call(
            "GET /v1/records",
            lambda: Request("GET", server.url, headers={"X-TC-Key": value}).prepare(),
            parse_response,
        )
    assert value not in error.value.message
    assert error.value.__cause__ is None and error.value.__context__ is None


def test_what_a_judge_raises_goes_through() -> None:
    def strict(answer: Answer) -> None:
        raise FatalError("wrong_credentials", "no")

    with ScriptedServer(FINE) as server:
        with pytest.raises(FatalError):
            an_http(FakeTime()).call("GET /", asks(server.url), strict)
        assert len(server.heads) == 1


def test_a_judge_may_say_which_limit_has_to_wait() -> None:
    passing = FakeTime()
    own = RateLimit(10, stop=passing, clock=passing.clock)

    def busy(answer: Answer) -> None:
        raise RetryLater(RetryableError("busy", "busy", retry_after_s=60), tries=2, rate_limit=own)

    with ScriptedServer(FINE) as server:
        http = an_http(passing)
        with pytest.raises(RetryableError):
            http.call("GET /one", asks(server.url), busy, rates=[own])
        assert passing.slept == [0, 60] or sum(passing.slept) == 60
        http.call("GET /other", asks(server.url), parse_response)
        assert sum(passing.slept) == 60


def test_a_stopped_run_does_not_call() -> None:
    passing = FakeTime()
    passing.set()
    with ScriptedServer(FINE) as server:
        with pytest.raises(Stopped):
            call(server.url, passing)
        assert server.heads == []


class TlsServer:
    """Speaks TLS with a certificate that nobody signed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> int:
        import ssl
        import subprocess

        key, certificate = self._folder / "key.pem", self._folder / "certificate.pem"
        subprocess.run(
            f"openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 "
            f"-keyout {key} -out {certificate}".split(),
            check=True,
            capture_output=True,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._socket = context.wrap_socket(
            socket.create_server(("127.0.0.1", 0)), server_side=True, do_handshake_on_connect=True
        )
        threading.Thread(target=self._serve, daemon=True).start()
        return int(self._socket.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        try:
            self._socket.accept()
        except OSError:
            return


# ── closing ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("reads", [True, False], ids=["waits for an answer", "uploads"])
def test_closing_breaks_off_a_call_that_would_wait_for_ever(reads: bool) -> None:
    http = Http("测试", stop=threading.Event(), timeouts=Timeouts(read_s=600, total_s=600))
    accepted = threading.Event()

    def serve(listener: socket.socket) -> None:
        with listener.accept()[0] as connection:
            connection.recv(100)
            accepted.set()
            while reads and connection.recv(1 << 20):
                continue
            over.wait(60)

    def close() -> None:
        accepted.wait(60)
        http.close()

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        for other in (
            threading.Thread(target=serve, args=(listener,)),
            threading.Thread(target=close),
        ):
            other.start()
        with pytest.raises(Stopped):
            http.call(
                "POST /",
                lambda: Request("POST", url, data=bytes(32 << 20)).prepare(),
                parse_response,
            )
        with pytest.raises(Stopped):
            http.call("POST /", lambda: Request("POST", url).prepare(), parse_response)
        over.set()
