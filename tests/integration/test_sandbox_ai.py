"""The sandbox's OpenAI-compatible server: what it refuses, what it answers, what it bills."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from meeting_pipeline.sandbox.company import Company, Person
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.limits import ROOMY, Limits
from meeting_pipeline.sandbox.samples import sample_files
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.sandbox_client import Clock, SandboxClient
from tests.support.tone_recordings import tone_recording

TALK = "[00:05] 老师: 我们先看简历的排版\n[00:31] 学生: 下周三之前把简历发给您"
SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 40},
        "phase": {"type": "string", "enum": ["面试模拟", "简历优化", "其他"]},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "evidence": {"type": "array", "items": {"$ref": "#/$defs/quote"}},
    },
    "required": ["title", "phase", "confidence", "evidence"],
    "additionalProperties": False,
    "$defs": {
        "quote": {
            "type": "object",
            "properties": {"quote": {"type": "string"}, "start_s": {"type": "number"}},
        }
    },
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[Sandbox]:
    with Sandbox(
        Company([Person("admin", "管理员", is_admin=True)]), limits=ROOMY, now=clock
    ) as box:
        yield box


@pytest.fixture
def client(sandbox: Sandbox, clock: Clock) -> SandboxClient:
    return SandboxClient(sandbox, clock)


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Three bursts of recording 5, each two seconds long, every four seconds."""
    path = tmp_path_factory.mktemp("tones") / "a.m4a"
    return tone_recording(path, 12, number=5, burst_s=2, period_s=4).read_bytes()


def asking(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}},
        "messages": [{"role": "user", "content": TALK}],
    }


def content_of(answer: requests.Response) -> str:
    return str(answer.json()["choices"][0]["message"]["content"])


def test_an_answer_fits_the_schema_and_quotes_the_transcript(
    client: SandboxClient, sandbox: Sandbox
) -> None:
    answer = client.chat(**asking(SCHEMA))
    value = json.loads(content_of(answer))
    assert list(value) == SCHEMA["required"]
    assert value["phase"] == "简历优化"
    assert value["evidence"][0] == {"quote": "我们先看简历的排版", "start_s": 5.0}
    assert answer.json()["choices"][0]["finish_reason"] == "stop"
    assert list(sandbox.ledger.chats.values()) == [1]
    assert client.chat(**asking(SCHEMA)).content == answer.content
    assert list(sandbox.ledger.chats.values()) == [2]
    assert not sandbox.ledger.violations


def test_json_object_answers_with_the_keys_of_a_summary(client: SandboxClient) -> None:
    value = json.loads(
        content_of(client.chat(messages=[{"role": "user", "content": f"json\n{TALK}"}]))
    )
    assert value["action_items"] == [
        {"what": "下周三之前把简历发给您", "who": "学生", "due": "下周三之前"}
    ]
    assert {"abstract", "key_points", "decisions", "student_notes"} <= set(value)


def test_notes_are_answered_with_the_quotes_in_them(client: SandboxClient) -> None:
    notes = json.dumps({"notes": [{"quote": "我们先看简历的排版"}]}, ensure_ascii=False)
    value = json.loads(content_of(client.chat(messages=[{"role": "user", "content": notes}])))
    assert value["evidence"][0]["quote"] == "我们先看简历的排版"


def test_a_schema_in_the_prompt_is_followed(client: SandboxClient) -> None:
    prompt = f"Answer in JSON like {json.dumps(SCHEMA)}.\n{TALK}"
    value = json.loads(content_of(client.chat(messages=[{"role": "user", "content": prompt}])))
    assert list(value) == SCHEMA["required"]


def test_thinking_costs_a_reasoning_text_unless_disabled(client: SandboxClient) -> None:
    assert "reasoning_content" in client.chat(thinking=None).json()["choices"][0]["message"]
    assert "reasoning_content" not in client.chat().json()["choices"][0]["message"]


@pytest.mark.parametrize(
    ("changes", "status", "kind"),
    [
        ({"model": "kimi-latest"}, 404, "resource_not_found_error"),
        ({"temperature": 0.3}, 400, "invalid_request_error"),
        ({"top_p": 0.5}, 400, "invalid_request_error"),
        ({"max_completion_tokens": None}, 400, "invalid_request_error"),
        ({"max_completion_tokens": 262_144}, 400, "invalid_request_error"),
        ({"messages": []}, 400, "invalid_request_error"),
        ({"messages": [{"role": "user", "content": ""}]}, 400, "invalid_request_error"),
        ({"response_format": {"type": "xml"}}, 400, "invalid_request_error"),
        ({"key": "sk-other"}, 401, "incorrect_api_key_error"),
    ],
)
def test_a_wrong_chat_request_is_refused(
    client: SandboxClient, sandbox: Sandbox, changes: dict[str, Any], status: int, kind: str
) -> None:
    answer = client.chat(**changes)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert not sandbox.ledger.chats


@pytest.mark.parametrize(
    "property_",
    [
        {"const": "x"},
        {"type": "string", "pattern": "x"},
        {"type": "string", "format": "date"},
        {"oneOf": [{"type": "string"}]},
        {"type": "string", "anyOf": [{"type": "string"}]},
        {"enum": ["a", 1]},
        {"$ref": "#/$defs/nowhere"},
        {"type": "string", "title": "T"},
    ],
)
def test_a_schema_outside_moonshots_subset_is_refused(
    client: SandboxClient, sandbox: Sandbox, property_: dict[str, Any]
) -> None:
    schema = {"type": "object", "properties": {"x": property_}}
    assert client.chat(**asking(schema)).status_code == 400
    assert client.chat(**asking({"type": "array", "items": property_})).status_code == 400
    assert sandbox.ledger.rules_broken() == {"schema_outside_mfjs": 2}


def test_the_tier_limits_speak_moonshots_words(clock: Clock) -> None:
    with Sandbox(Company([]), limits=Limits(), now=clock) as sandbox:
        client = SandboxClient(sandbox, clock)
        assert [client.chat().status_code for _ in range(3)] == [200, 200, 200]
        clock.forward(20)
        refused = client.chat()
        assert (refused.status_code, refused.json()["error"]["type"]) == (
            429,
            "rate_limit_reached_error",
        )
        assert "please try again after 40 seconds" in refused.json()["error"]["message"]
        assert sandbox.ledger.rate_refusals == {"chat": 1}
        clock.forward(40)
        assert client.chat(max_completion_tokens=262_000).status_code == 200


def test_a_second_call_at_once_is_refused_in_tier_0(clock: Clock) -> None:
    sandbox = Sandbox(Company([]), now=clock).start()
    sandbox.faults.add(Fault(Kind.STALL, "chat", calls=(1,), amount=3_600))
    client, taken = SandboxClient(sandbox, clock), sandbox.ai.slots["chat"]
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(SandboxClient(sandbox, clock).chat)
        while not taken.most:
            time.sleep(0.01)
        refused = client.chat()
        sandbox.stop()
        assert isinstance(first.exception(), requests.exceptions.ConnectionError | None)
    assert "max organization concurrency: 1" in refused.json()["error"]["message"]
    assert sandbox.ledger.rate_refusals == {"chat": 1}


def test_tokens_are_limited_by_what_is_asked_for(clock: Clock) -> None:
    limits = Limits(chat_per_minute=9, chat_tokens_per_minute=9_000)
    with Sandbox(Company([]), limits=limits, now=clock) as sandbox:
        client = SandboxClient(sandbox, clock)
        answers = [client.chat() for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert "TPM" in answers[2].json()["error"]["message"]


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        (Kind.QUOTA, 429, "exceeded_current_quota_error"),
        (Kind.OVERLOADED, 429, "engine_overloaded_error"),
        (Kind.RATE_LIMIT, 429, "rate_limit_reached_error"),
        (Kind.FORBIDDEN, 403, "permission_denied_error"),
        (Kind.CONTENT_FILTER, 400, "content_filter"),
        (Kind.CONTEXT_LIMIT, 400, "invalid_request_error"),
        (Kind.NO_JSON_SCHEMA, 400, "invalid_request_error"),
    ],
)
def test_a_chat_knob_refuses(
    client: SandboxClient, sandbox: Sandbox, kind: Kind, status: int, error: str
) -> None:
    sandbox.faults.add(Fault(kind, "chat", amount=1))
    answer = client.chat(**asking(SCHEMA))
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, error)
    assert client.chat(key="wrong").status_code == 401


def test_answers_are_spoilt_as_the_knobs_say(client: SandboxClient, sandbox: Sandbox) -> None:
    def answer(kind: Kind) -> requests.Response:
        sandbox.faults.clear()
        sandbox.faults.add(Fault(kind, "chat"))
        return client.chat(**asking(SCHEMA))

    assert "```json" in content_of(answer(Kind.FENCED))
    assert content_of(answer(Kind.TRAILING_TEXT)).endswith("{}")
    assert "抱歉" in content_of(answer(Kind.NOT_JSON))
    assert content_of(answer(Kind.DUPLICATE_KEY)).count('"title"') == 2
    assert "NaN" in content_of(answer(Kind.NAN))
    assert json.loads(content_of(answer(Kind.WRONG_ENUM)))["phase"] not in TALK
    assert "evidence" not in json.loads(content_of(answer(Kind.MISSING_KEY)))
    invented = json.loads(content_of(answer(Kind.INVENTED_QUOTE)))["evidence"][0]["quote"]
    assert invented not in TALK
    assert len(answer(Kind.HUGE_ANSWER).content) > 10_000_000
    assert answer(Kind.EMPTY_CHOICES).json()["choices"] == []
    assert content_of(answer(Kind.EMPTY_CONTENT)) == ""
    cut = answer(Kind.FINISH_LENGTH).json()["choices"][0]
    assert cut["finish_reason"] == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut["message"]["content"])
    assert answer(Kind.FINISH_FILTER).json()["choices"][0]["finish_reason"] == "content_filter"
    assert answer(Kind.BARE_ERROR).json() == "模型服务错误"


def test_a_lost_reply_was_paid_for(client: SandboxClient, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(Kind.LOST_REPLY, "chat"))
    with pytest.raises(requests.exceptions.ConnectionError):
        client.chat()
    assert sum(sandbox.ledger.chats.values()) == 1


def test_a_request_that_is_cut_off_counts_for_nothing(sandbox: Sandbox) -> None:
    server = urlsplit(sandbox.ai_url)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: here\r\nContent-Length: 99\r\n\r\n"
    with socket.create_connection((server.hostname, server.port), timeout=30) as killed:
        killed.sendall(head + b'{"model": ')
        killed.shutdown(socket.SHUT_WR)
        assert killed.recv(1) == b""
    assert not sandbox.ledger.calls and not sandbox.ledger.violations


def test_models_are_listed_per_key(sandbox: Sandbox) -> None:
    def names(key: str) -> list[str]:
        headers = {"Authorization": f"Bearer {key}"}
        rows = requests.get(f"{sandbox.ai_url}/models", headers=headers, timeout=20).json()["data"]
        return [row["id"] for row in rows]

    assert "kimi-k2.6" in names(sandbox.keys.chat)
    assert names(sandbox.keys.asr) == ["whisper-1"]
    assert requests.get(f"{sandbox.ai_url}/models", timeout=20).status_code == 401


def test_tone_recordings_tell_where_every_second_belongs(
    client: SandboxClient, sandbox: Sandbox, tones: bytes
) -> None:
    answer = client.transcribe(tones).json()
    assert [segment["text"][:7] for segment in answer["segments"]] == [
        "录音5第0句：",
        "录音5第1句：",
        "录音5第2句：",
    ]
    starts = [segment["start"] for segment in answer["segments"]]
    assert starts == pytest.approx([0, 4, 8], abs=0.2)
    assert answer["duration"] == pytest.approx(12, abs=0.2)
    assert sandbox.ledger.bursts == {(5, 0): 1, (5, 1): 1, (5, 2): 1}
    assert list(sandbox.ledger.uploads.values()) == [1]


@pytest.mark.parametrize("suffix", [".mp3", ".wav", ".mp4"])
@pytest.mark.parametrize("number", [0, 59])
def test_tones_survive_every_format(
    client: SandboxClient, sandbox: Sandbox, tmp_path: Path, suffix: str, number: int
) -> None:
    path = tone_recording(tmp_path / f"a{suffix}", 6, number=number, burst_s=1, period_s=3)
    client.transcribe(path.read_bytes(), path.name)
    assert sandbox.ledger.bursts == {(number, 0): 1, (number, 1): 1}


def test_text_and_json_come_without_times(client: SandboxClient, tones: bytes) -> None:
    assert set(client.transcribe(tones, response_format="json").json()) == {"text"}
    assert client.transcribe(tones, response_format="text").text.startswith("录音5第0句")


def test_a_packaged_sample_is_answered_with_its_script(client: SandboxClient) -> None:
    sample = next(one for one in sample_files() if one.lines and one.media.suffix == ".m4a")
    segments = client.transcribe(sample.media.read_bytes()).json()["segments"]
    texts = [segment["text"] for segment in segments]
    assert texts == [line.partition(": ")[2] for line in sample.lines]
    starts = [segment["start"] for segment in segments]
    assert starts == sorted(starts)


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"model": "whisper-9"}, 404),
        ({"response_format": "srt"}, 400),
        ({"language": "chinese"}, 400),
        ({"timestamp_granularities": "segment"}, 400),
    ],
)
def test_a_wrong_transcription_request_is_refused(
    client: SandboxClient, tones: bytes, form: dict[str, str], status: int
) -> None:
    assert client.transcribe(tones, **form).status_code == status


def test_what_is_no_sound_or_too_large_or_too_long_is_refused(clock: Clock, tones: bytes) -> None:
    limits = Limits(asr_upload_bytes=200_000, asr_audio_s=11)
    with Sandbox(Company([]), limits=limits, now=clock) as sandbox:
        client = SandboxClient(sandbox, clock)
        assert client.transcribe(b"<html>").status_code == 400
        assert client.transcribe(bytes(200_001)).status_code == 413
        assert client.transcribe(tones).status_code == 400
        assert not sandbox.ledger.uploads


def test_transcripts_are_spoilt_as_the_knobs_say(
    client: SandboxClient, sandbox: Sandbox, tones: bytes
) -> None:
    def answer(kind: Kind, **form: str) -> requests.Response:
        sandbox.faults.clear()
        sandbox.faults.add(Fault(kind, "transcriptions", amount=1_000))
        return client.transcribe(tones, **form)

    assert answer(Kind.TOO_LARGE).status_code == 413
    assert answer(Kind.NO_VERBOSE_JSON).status_code == 400
    assert answer(Kind.NO_VERBOSE_JSON, response_format="json").status_code == 200
    assert answer(Kind.ONLY_TEXT, response_format="json").status_code == 400
    assert answer(Kind.ONLY_TEXT, response_format="text").status_code == 200
    assert "segments" not in answer(Kind.NO_SEGMENTS).json()
    assert answer(Kind.WRONG_DURATION).json()["duration"] == 1_000
    assert [one["start"] > 1 for one in answer(Kind.SEGMENT_LOST).json()["segments"]] == [
        False,
        True,
    ]
    assert answer(Kind.EMPTY_TEXT).json()["text"] == ""
    assert answer(Kind.HALLUCINATION).json()["text"].count("字幕") > 9
