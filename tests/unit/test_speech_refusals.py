"""What error answers of transcription servers mean."""

import json
from typing import Any

import pytest

from meeting_pipeline.adapters.asr.endpoint_refusals import (
    FormRefused,
    TooLarge,
    refuse,
)
from meeting_pipeline.adapters.http.answer import Answer, RetryLater
from meeting_pipeline.adapters.openai_api.refusals import RequestRefused
from meeting_pipeline.errors import FatalError


def refused(status: int, said: Any, attempt: int = 1, **headers: str) -> Exception:
    body = said if isinstance(said, bytes) else json.dumps(said, ensure_ascii=False).encode()
    with pytest.raises(Exception) as caught:
        refuse(Answer("POST /audio/transcriptions", status, headers, body), attempt)
    return caught.value


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (
            400,
            {"error": {"message": "response_format 'verbose_json' is not compatible"}},
            FormRefused,
        ),
        (
            422,
            {"detail": [{"loc": ["body", "response_format"], "msg": "bad response_format"}]},
            FormRefused,
        ),
        (413, b"<html>413 Request Entity Too Large</html>", TooLarge),
        (400, {"error": {"message": "audio of 4000 s is too long"}}, TooLarge),
        (400, {"error": {"message": "Maximum content size limit (26214400) exceeded"}}, TooLarge),
        (400, {"code": 20015, "message": "音频时长过长", "data": None}, TooLarge),
        (400, "模型服务错误", RequestRefused),
        (415, b"", RequestRefused),
    ],
)
def test_a_refusal_of_the_upload(status: int, said: Any, kind: type[Exception]) -> None:
    assert type(refused(status, said)) is kind


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (401, {"error": {"message": "Incorrect API key provided: sk-abc123"}}, "key_refused"),
        (401, "Invalid token", "key_refused"),
        (402, {"message": "Payment required"}, "quota_spent"),
        (402, b"", "quota_spent"),
        (400, {"message": "Insufficient"}, "quota_spent"),
        (
            403,
            {"code": 30001, "message": "Sorry, your account balance is insufficient"},
            "quota_spent",
        ),
        (403, {"message": "not allowed"}, "not_permitted"),
        (404, {"error": {"message": "The model `whisper-9` does not exist"}}, "unknown_model"),
        (
            400,
            {"code": 20012, "message": "Model does not exist. Please check it carefully."},
            "unknown_model",
        ),
        (404, b"404 page not found", "unknown_model"),
        (
            429,
            {"error": {"type": "exceeded_current_quota_error", "message": "check your plan"}},
            "quota_spent",
        ),
        (429, {"error": {"code": "insufficient_quota", "message": "…"}}, "quota_spent"),
    ],
)
def test_what_no_other_recording_would_do_better_with_stops_the_run(
    status: int, said: Any, code: str
) -> None:
    error = refused(status, said)
    assert isinstance(error, FatalError)
    assert error.code == code
    assert error.hint
    assert "sk-abc" not in error.message


@pytest.mark.parametrize(
    ("status", "said", "headers", "wait_s"),
    [
        (429, b"", {"Retry-After": "7"}, 7.0),
        (429, {"error": {"message": "max RPM: 3, please try again after 20 seconds"}}, {}, 20.0),
        (429, {"message": "try again after 20 seconds"}, {"Retry-After": "31"}, 20.0),
        (429, {"error": {"type": "engine_overloaded_error"}}, {}, None),
        (503, b"<html>", {"Retry-After": "3"}, 3.0),
        (500, {"error": {"message": "insufficient memory"}}, {}, None),
        (400, "模型服务错误", {}, None),
    ],
)
def test_what_may_work_a_little_later_is_tried_again(
    status: int, said: Any, headers: dict[str, str], wait_s: float | None
) -> None:
    error = refused(status, said, attempt=0, **headers)
    assert isinstance(error, RetryLater)
    assert error.error.retry_after_s == wait_s
