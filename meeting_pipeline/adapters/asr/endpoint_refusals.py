"""Error answers of a transcription server; every vendor words them in its own way.

413, or "too large", "too long"           TooLarge: the caller sends less at once
400 that names the response format        FormRefused: the caller asks for a plainer answer
another 400, 422                          retried once, then RequestRefused
401                                       FatalError("key_refused")
402; 4xx with words about a quota         FatalError("quota_spent")
403                                       FatalError("not_permitted")
404, "model not found"                    FatalError("unknown_model")
429                                       all callers wait, then it is retried
5xx                                       retried
"""

import re
from http import HTTPStatus
from typing import Any, NoReturn

from meeting_pipeline.adapters.http.answer import Answer, RetryLater, refuse_failures
from meeting_pipeline.adapters.openai_api.refusals import (
    NO_MESSAGE,
    Refusal,
    RequestRefused,
    json_or_none,
    without_secrets,
)
from meeting_pipeline.errors import FatalError, RetryableError

_QUOTA = re.compile(
    r"current_quota|insufficient|balance|billing|arrears|额度不足|余额|欠费", re.IGNORECASE
)
_FORM = re.compile(r"response.?format|verbose_json|granularit", re.IGNORECASE)
_MODEL = re.compile(r"model\b.*(?:not (?:exist|found)|unknown)|模型不存在", re.IGNORECASE)
_TOO_LARGE = re.compile(
    r"too (?:long|large|big)|(?:exceed|larger|longer|maximum).*(?:size|second|duration|length|byte)"
    r"|(?:size|duration|length).*exceed|过长|过大",
    re.IGNORECASE,
)


class TooLarge(Exception):
    """The upload has more bytes or seconds than the server takes."""


class FormRefused(RequestRefused):
    """The server does not answer in this response_format."""


def refuse(answer: Answer, attempt: int) -> NoReturn:
    """Raise what an error answer means.

    Args:
        answer: The error answer.
        attempt: How many attempts of this call were refused before.

    Raises:
        TooLarge: Less has to be sent at once.
        FormRefused: A plainer form of the answer has to be asked for.
        RequestRefused: The server does not take the request.
        RetryLater: Another attempt may help.
        FatalError: No other recording would have a better answer.
    """
    refusal = Refusal(answer, _words(answer))
    if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        raise TooLarge(refusal.line)
    _refuse_account(refusal)
    if answer.status == HTTPStatus.NOT_FOUND or _MODEL.search(refusal.words):
        raise FatalError(
            "unknown_model",
            refusal.line,
            hint="check ASR_MODEL and ASR_BASE_URL; `meeting doctor` lists models",
        )
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise _rate_limited(refusal)
    refuse_failures(answer)
    if _FORM.search(refusal.words):
        raise FormRefused(refusal.line)
    if _TOO_LARGE.search(refusal.words):
        raise TooLarge(refusal.line)
    if attempt == 0:
        raise RetryLater(RetryableError("asr_refused", refusal.line))
    raise RequestRefused(refusal.line)


def _refuse_account(refusal: Refusal) -> None:
    status = refusal.answer.status
    if status == HTTPStatus.UNAUTHORIZED:
        hint = "set ASR_API_KEY to a key of the service at ASR_BASE_URL"
        raise FatalError("key_refused", refusal.line, hint=hint)
    is_spent = status == HTTPStatus.PAYMENT_REQUIRED or _QUOTA.search(refusal.words)
    if is_spent and status < HTTPStatus.INTERNAL_SERVER_ERROR:
        hint = "top up the account; the next run resumes here and keeps finished transcripts"
        raise FatalError("quota_spent", refusal.line, hint=hint)
    if status == HTTPStatus.FORBIDDEN:
        hint = "the account behind ASR_API_KEY needs the right to use ASR_MODEL"
        raise FatalError("not_permitted", refusal.line, hint=hint)


def _rate_limited(refusal: Refusal) -> RetryLater:
    """Return a pause for all callers: the one that the message names, or else the header."""
    named_s = refusal.named_wait_s
    wait_s = refusal.answer.retry_after_s if named_s is None else named_s
    return RetryLater(RetryableError("rate_limited", refusal.line, retry_after_s=wait_s))


def _words(answer: Answer) -> str:
    """Return the words of `{"error": {…}}`, `{"detail": …}`, `{"code", "message"}` or a string."""
    try:
        words = " ".join(_strings(json_or_none(answer)))
    except RecursionError:
        return NO_MESSAGE
    return without_secrets(words) or NO_MESSAGE


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [word for one in value for word in _strings(one)]
    if isinstance(value, dict):
        named = ("error", "type", "code", "message", "msg", "detail")
        return [word for name in named for word in _strings(value.get(name))]
    return []
