"""Each way in which a chat server refuses, and what it means for the record and for the run."""

import json
from typing import Any

import pytest

from meeting_pipeline.adapters.http.answer import Answer, RetryLater
from meeting_pipeline.adapters.llm.refusals import NotFound, TooLong, refuse
from meeting_pipeline.adapters.openai_api.refusals import RequestRefused
from meeting_pipeline.errors import FatalError, MeetingError, RecordError

LIMIT = "rate_limit_reached_error"
REQUEST = "invalid_request_error"


def answer(status: int, body: object, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return Answer("POST /chat/completions", status, headers, content)


def error(status: int, kind: str, message: str, **headers: str) -> Answer:
    return answer(status, {"error": {"type": kind, "message": message}}, **headers)


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        (error(401, "incorrect_api_key_error", "Incorrect API key"), "key_refused"),
        (error(401, "invalid_authentication_error", "Invalid Authentication"), "key_refused"),
        (answer(401, b""), "key_refused"),
        (error(403, "permission_denied_error", "no permission"), "not_permitted"),
        (error(403, "permission_denied_error", "insufficient balance"), "quota_spent"),
        (error(402, "", "账户余额不足"), "quota_spent"),
        (answer(402, b""), "not_permitted"),
        (error(403, "permission_denied_error", "insufficient rights"), "not_permitted"),
        (error(429, "exceeded_current_quota_error", "account suspended"), "quota_spent"),
        (error(429, "insufficient_quota", "check your plan"), "quota_spent"),
        (error(429, LIMIT, "max TPD: 1500000, please try again after 9 seconds"), "daily_limit"),
        (error(429, LIMIT, "tokens per day"), "daily_limit"),
    ],
)
def test_what_no_other_record_would_do_better_with_ends_the_run(refused: Answer, code: str) -> None:
    with pytest.raises(FatalError) as fatal:
        refuse(refused, 0)
    assert fatal.value.code == code
    assert fatal.value.hint


def test_a_refused_key_tells_of_the_two_platforms() -> None:
    with pytest.raises(FatalError) as fatal:
        refuse(error(401, "invalid_authentication_error", "Invalid Authentication"), 0)
    assert "api.moonshot.cn" in fatal.value.hint
    assert "api.moonshot.ai" in fatal.value.hint


@pytest.mark.parametrize(
    "refused",
    [
        error(
            400, "content_filter", "The request was rejected because it was considered high risk"
        ),
        error(400, REQUEST, "considered high risk"),
        error(400, "data_inspection_failed", "内容安全"),
    ],
)
def test_a_filtered_transcript_is_its_own_failure(refused: Answer) -> None:
    with pytest.raises(RecordError) as failed:
        refuse(refused, 0)
    assert failed.value.code == "filtered"


@pytest.mark.parametrize(
    "refused",
    [
        error(400, REQUEST, "Input token length too long"),
        error(400, REQUEST, "Your request exceeded model token limit: 8192"),
        error(400, "context_length_exceeded", "maximum context length is 8192 tokens"),
        error(413, "", "Payload Too Large"),
        answer(400, {"object": "error", "message": "exceeds max_model_len", "code": 400}),
    ],
)
def test_too_many_tokens_are_for_the_caller_to_cut(refused: Answer) -> None:
    with pytest.raises(TooLong):
        refuse(refused, 0)


@pytest.mark.parametrize(
    "refused",
    [
        error(400, REQUEST, "response_format json_schema is not supported"),
        error(400, REQUEST, "the schema has a field named balance"),
        answer(400, "模型服务错误"),
        answer(422, {"detail": [{"loc": ["body"], "msg": "extra"}]}),
        answer(400, b"<html>"),
        answer(400, {"error": None}),
        answer(400, {"error": "text"}),
    ],
)
def test_any_other_400_is_for_the_caller_to_ask_more_plainly(refused: Answer) -> None:
    with pytest.raises(RequestRefused):
        refuse(refused, 0)


def test_404_is_for_the_caller_to_look_at_the_models() -> None:
    with pytest.raises(NotFound):
        refuse(error(404, "resource_not_found_error", "Not found the model"), 0)


@pytest.mark.parametrize(
    ("refused", "least_s", "most_s"),
    [
        (error(429, LIMIT, "max RPM: 3, please try again after 40 seconds"), 40, 40),
        (error(429, LIMIT, "max RPM: 3", **{"Retry-After": "33"}), 33, 33),
        (error(429, LIMIT, "try again after 20 seconds", **{"Retry-After": "31"}), 31, 31),
        (error(429, LIMIT, "max organization concurrency: 1, try again after 1 seconds"), 5, 10),
        (error(429, LIMIT, "slow down"), 5, 10),
        (answer(429, b"try again later"), 5, 10),
        (error(429, "engine_overloaded_error", "The engine is currently overloaded"), 5, 10),
        (error(429, "rate_limit_error", "engine is currently overloaded"), 5, 10),
        (error(529, "overloaded_error", "Overloaded"), 5, 10),
    ],
)
def test_a_rate_is_waited_for_as_long_as_was_asked(
    refused: Answer, least_s: float, most_s: float
) -> None:
    with pytest.raises(RetryLater) as again:
        refuse(refused, 0)
    assert least_s <= (again.value.error.retry_after_s or 0) <= most_s


def test_the_pause_grows_up_to_a_minute() -> None:
    pauses = []
    for attempt in range(40):
        with pytest.raises(RetryLater) as again:
            refuse(error(429, "engine_overloaded_error", "overloaded"), attempt)
        pauses.append(again.value.error.retry_after_s or 0)
    assert all(5 <= pause <= 60 for pause in pauses)
    assert max(pauses) > 20
    assert len(set(pauses)) == 40


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failing_service_is_tried_again(status: int) -> None:
    with pytest.raises(RetryLater) as again:
        refuse(error(status, "server_error", "oops"), 0)
    assert again.value.outage


CANARIES = ("sk-abcDEF1234567890", "Bearer abc.def", "https://x.cn/a?sign=geheim")


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize("status", [400, 401, 403])
def test_no_key_or_signed_link_of_an_error_is_repeated(canary: str, status: int) -> None:
    with pytest.raises((MeetingError, RequestRefused)) as raised:
        refuse(error(status, canary, f"{canary} is wrong " * 90), 0)
    for secret in ("abcDEF", "abc.def", "geheim"):
        assert secret not in str(raised.value)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"3", b"{" * 100_000, b"\xff\xfe"])
def test_an_answer_that_makes_no_sense_is_still_a_refusal(body: bytes) -> None:
    refused: Any = answer(400, body)
    with pytest.raises(RequestRefused, match="HTTP 400"):
        refuse(refused, 0)
