"""Errors that a service sends as if all were well."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting_pipeline.adapters.asr import endpoint_refusals as speech
from meeting_pipeline.adapters.http.answer import Answer, RetryLater
from meeting_pipeline.adapters.http.error_objects import with_true_status
from meeting_pipeline.adapters.llm import refusals as chat
from meeting_pipeline.adapters.openai_api.refusals import RequestRefused
from meeting_pipeline.errors import FatalError, MeetingError


def answer(said: Any, status: int = 200) -> Answer:
    body = said if isinstance(said, bytes) else json.dumps(said, ensure_ascii=False).encode()
    return Answer("POST /audio/transcriptions", status, {}, body)


FATAL = {
    "siliconflow's model": (
        {"code": 20012, "message": "Model does not exist. Please check it.", "data": None},
        "unknown_model",
    ),
    "openai's key": (
        {"error": {"message": "Incorrect API key provided: sk-abc", "code": "invalid_api_key"}},
        "key_refused",
    ),
    "a detail": ({"detail": "Unauthorized"}, "key_refused"),
    "a detail of rows": ({"detail": [{"msg": "Invalid API key", "type": "auth"}]}, "key_refused"),
    "an error as text": ({"error": "无效的令牌"}, "key_refused"),
    "a status as code": ({"code": 401, "message": "no"}, "key_refused"),
    "a status as text": ({"status": "401", "msg": "no"}, "key_refused"),
    "minimax's balance": (
        {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
        "quota_spent",
    ),
    "tencent's error": (
        {"Response": {"Error": {"Code": "AuthFailure", "Message": "密钥无效"}, "RequestId": "1"}},
        "key_refused",
    ),
    "tencent's error in English": (
        {"Response": {"Error": {"Code": "AuthFailure", "Message": "secret id bad"}}},
        "key_refused",
    ),
    "aliyun's header": (
        {"header": {"status": 40000001, "status_message": "The token is invalid"}},
        "key_refused",
    ),
    "a message in camel case": (
        {"success": False, "errorMsg": "balance not enough"},
        "quota_spent",
    ),
    "a code in camel case": (
        {"errorCode": 40101, "errorMessage": "The token is expired"},
        "key_refused",
    ),
    "a reason": ({"status": "error", "reason": "Unauthorized"}, "key_refused"),
    "a quota in Chinese": ({"code": 30001, "message": "账户余额不足", "data": None}, "quota_spent"),
    "no right": ({"success": False, "message": "permission denied"}, "not_permitted"),
    "GBK": ('{"code": 30001, "message": "账户余额不足"}'.encode("gbk"), "quota_spent"),
}


@pytest.mark.parametrize("name", FATAL)
def test_what_no_other_recording_would_do_better_with_stops_the_run(name: str) -> None:
    said, code = FATAL[name]
    read = with_true_status(answer(said))
    assert read.status != 200
    with pytest.raises(FatalError) as refused:
        speech.refuse(read, 0)
    assert refused.value.code == code
    assert "HTTP 200" in refused.value.message
    assert "sk-abc" not in refused.value.message
    try:
        chat.refuse(read, 0)
    except FatalError as fatal:
        assert fatal.code == code
    except chat.NotFound:
        assert code == "unknown_model"


@pytest.mark.parametrize(
    "said",
    [
        {"code": 429, "message": "slow down"},
        {"error": {"type": "rate_limit_reached_error", "message": "max RPM: 3"}},
        {"message": "请求过于频繁，请稍后再试"},
        {"choices": [{"error": {"code": 429, "message": "busy"}, "message": {"content": ""}}]},
    ],
)
def test_a_limit_is_waited_for(said: Any) -> None:
    for refuse in (speech.refuse, chat.refuse):
        with pytest.raises(RetryLater) as again:
            refuse(with_true_status(answer(said)), 0)
        assert again.value.error.code == "rate_limited"


def test_what_is_too_much_or_in_the_wrong_form_is_for_the_caller_to_change() -> None:
    with pytest.raises(speech.TooLarge):
        speech.refuse(with_true_status(answer({"code": 20015, "message": "音频时长过长"})), 1)
    with pytest.raises(speech.TooLarge):
        reason = {"status": "error", "reason": "audio too long"}
        speech.refuse(with_true_status(answer(reason)), 1)
    with pytest.raises(RequestRefused):
        speech.refuse(with_true_status(answer({"error": "verbose_json is not supported"})), 1)
    with pytest.raises(chat.TooLong):
        chat.refuse(with_true_status(answer({"error": {"message": "context length is 8"}})), 1)
    with pytest.raises(MeetingError):
        chat.refuse(with_true_status(answer({"error": {"code": "content_filter"}})), 1)


@pytest.mark.parametrize(
    "said",
    [
        {"code": 50507, "message": "Unknown error, sorry", "data": None},
        {"error": {"code": 503, "message": "Unknown error, sorry"}},
        {"errors": [{"message": "Unknown error, sorry"}]},
        {"status": "failed", "text": "", "msg": "Unknown error, sorry"},
        {"status": "error", "reason": "Unknown error, sorry"},
        {"success": False, "errorMessage": "Unknown error, sorry"},
        {"header": {"status": 50000000, "status_message": "Unknown error, sorry"}},
    ],
)
def test_an_error_of_the_service_itself_is_told_in_its_own_words(said: Any) -> None:
    with pytest.raises(RetryLater) as again:
        with_true_status(answer(said))
    assert again.value.error.code == "bad_answer"
    assert "Unknown error, sorry" in again.value.error.message


@pytest.mark.parametrize(
    "said",
    [
        {"text": "rate limit, 余额不足"},
        {"text": ""},
        {"text": "", "segments": [], "status": "completed", "type": "transcript"},
        {"header": {"status": 20000000, "status_message": "Gateway:SUCCESS:Success."}},
        {"header": {"status": 20000000, "status_message": "SUCCESS"}, "text": "你好"},
        {"base_resp": {"status_code": 0, "status_msg": "success"}, "text": ""},
        {"type": "transcript", "reason": "stop", "text": ""},
        {"code": 0, "message": "success", "data": {"text": "你好"}},
        {"code": 20000, "message": "SUCCESS", "data": {"text": ""}},
        {"code": 200, "msg": "ok", "text": ""},
        {"code": 1, "message": "unauthorized", "text": "你好"},
        {"error": None, "text": "你好"},
        {"choices": [{"message": {"content": "{}"}}], "error": None},
        {"choices": []},
        {"choices": [{"message": {"content": "", "refusal": "no"}}], "detail": "x"},
        {"object": "list", "data": [{"id": "m"}]},
        {"object": "list", "data": []},
        "unauthorized",
        ["unauthorized"],
        b"unauthorized {",
        b"",
    ],
)
def test_a_result_is_no_error_whatever_it_speaks_of(said: Any) -> None:
    assert with_true_status(answer(said)).status == 200


def test_a_status_that_is_true_already_stays() -> None:
    assert with_true_status(answer({"code": 429, "message": "x"}, 500)).status == 500


REFUSALS = (speech.TooLarge, chat.TooLong, RequestRefused, chat.NotFound)
NAMES = st.sampled_from(
    ["error", "detail", "code", "message", "status", "choices", "Response", "text", "success"]
)
VALUES = st.sampled_from([None, True, 0, -1, 401, 10**400, 1e308, "", "ok", "rate limit", "\ud800"])
OBJECTS = st.recursive(
    VALUES,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(NAMES, one, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, derandomize=True, max_examples=400)
@given(OBJECTS.map(lambda one: json.dumps(one).encode()) | st.binary(max_size=50))
def test_no_object_is_a_bug(body: bytes) -> None:
    for refuse in (speech.refuse, chat.refuse):
        with suppress(MeetingError, RetryLater, *REFUSALS):
            read = with_true_status(answer(body))
            if read.status != 200:
                refuse(read, 1)


@pytest.mark.parametrize("depth", [100, 900, 100_000])
def test_errors_nested_beyond_reason_are_no_bug(depth: int) -> None:
    body = b'{"detail": ' + b"[" * depth + b"]" * depth + b"}"
    assert with_true_status(answer(body)).status == 200
    with pytest.raises(RequestRefused):
        speech.refuse(answer(body, 400), 1)
