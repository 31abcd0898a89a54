"""Answers of speech servers that are not what was asked for, through the whole client."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from meeting_pipeline.adapters.asr.openai_compatible import EndpointTranscriber
from meeting_pipeline.adapters.asr.packets import packets_of
from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.domain.model import Audio
from meeting_pipeline.errors import FatalError, RetryableError
from meeting_pipeline.storage.paid_calls import PaidCalls
from tests.support.sandbox_client import Clock
from tests.support.speech_service import context, tones
from tests.support.virtual_time import VirtualStop


@contextmanager
def speech_server(body: bytes, kind: str = "application/json") -> Iterator[EndpointTranscriber]:
    """Yield a client of a server that gives every upload the same answer under HTTP 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    clock = Clock()
    stop = VirtualStop(clock)
    try:
        yield EndpointTranscriber(
            base_url=f"http://127.0.0.1:{server.server_port}/v1",
            api_key="k",
            model="m",
            rate=RateLimit(None, stop=stop, clock=clock),
            stop=stop,
            media=PyAVMedia(),
            packets=packets_of,
            clock=clock,
        )
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def recording(tmp_path: Path) -> Audio:
    return tones(tmp_path / "audio.mp3", 10.0)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"code":20012,"message":"Model does not exist.","data":null}', "unknown_model"),
        (b'{"error":{"code":"invalid_api_key","message":"Incorrect API key"}}', "key_refused"),
        ('{"code":30001,"message":"余额不足"}'.encode("gbk"), "quota_spent"),
    ],
)
def test_an_error_under_200_ends_the_run_as_any_other(
    recording: Audio, tmp_path: Path, body: bytes, code: str
) -> None:
    with speech_server(body) as asks, pytest.raises(FatalError) as refused:
        asks.transcribe(recording, context(tmp_path))
    assert refused.value.code == code


def test_an_error_that_no_rule_knows_is_told_in_the_words_of_the_service(
    recording: Audio, tmp_path: Path
) -> None:
    body, words = b'{"detail": "the GPU has gone"}', "the GPU has gone"
    with speech_server(body) as asks, pytest.raises(RetryableError, match=words):
        asks.transcribe(recording, context(tmp_path))


def test_an_answer_in_gbk_under_a_wrong_charset_is_kept_as_utf_8(
    recording: Audio, tmp_path: Path
) -> None:
    body = '{"text": "<|zh|>小明你好，我们开始吧。"}'.encode("gbk")
    work = context(tmp_path)
    with speech_server(body, "application/json; charset=utf-8") as asks:
        transcript = asks.transcribe(recording, work)
    assert "".join(one.text for one in transcript.segments) == "小明你好，我们开始吧。"


@pytest.mark.parametrize("old", [b"\xff\xfe\xfd", b'{"text": "\\ud83d"}', b'{"code": 1}'])
def test_what_an_older_version_kept_unread_is_asked_for_once_more(
    recording: Audio, tmp_path: Path, old: bytes
) -> None:
    work = context(tmp_path)
    with speech_server('{"text": "我们开始吧。"}'.encode()) as asks:
        asks.transcribe(recording, work)
        kept = sorted(work.folder.file("calls").glob("*.json"))
        calls = PaidCalls(work.folder)
        for one in kept:
            calls.forget(one.stem)
            calls.remember(one.stem, lambda keep: keep(old))
        transcript = asks.transcribe(recording, work)
        assert sorted(work.folder.file("calls").glob("*.json")) == kept
    assert transcript.segments[0].text == "我们开始吧。"
