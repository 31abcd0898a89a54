"""Error answers of a chat server: the error types of Moonshot and of its relatives.

content_filter                            FinalError("filtered")
too many tokens in the prompt             TooLong: the caller asks about less at once
another 400                               RequestRefused: the caller asks in a plainer form
401                                       FatalError("key_refused")
402, 403                                  FatalError("not_permitted"), or "quota_spent"
404                                       NotFound: no such model, or a wrong address
exceeded_current_quota_error under 429    FatalError("quota_spent")
rate_limit_reached_error, by the day      FatalError("daily_limit")
rate_limit_reached_error                  all callers wait, then it is retried
engine_overloaded_error                   the same, with a back-off of our own
5xx                                       retried
"""

import random
import re
from http import HTTPStatus
from typing import NoReturn

from meeting_pipeline.adapters.http.answer import Answer, RetryLater, refuse_failures
from meeting_pipeline.adapters.openai_api.refusals import (
    NO_MESSAGE,
    Refusal,
    RequestRefused,
    json_or_none,
    without_secrets,
)
from meeting_pipeline.errors import FatalError, FinalError, RetryableError

OVERLOADED = "overloaded"

_KEY_HINT = (
    "set KIMI_API_KEY and KIMI_BASE_URL to the same platform: keys of platform.kimi.com work at "
    "https://api.moonshot.cn/v1 only, those of platform.kimi.ai at https://api.moonshot.ai/v1 only"
)
_QUOTA_HINT = "top up the account; the next run resumes here and keeps finished transcripts"
_RIGHTS_HINT = "the account behind KIMI_API_KEY needs the right to use this model"

_QUOTA = re.compile(r"current_quota|insufficient_quota|balance|arrears|余额|欠费", re.IGNORECASE)
_FILTERED = re.compile(r"content_?filter|high risk|data_inspection_failed|内容安全", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"token limit|token length|too many tokens|context.?(?:length|window|size)|maximum context"
    r"|max_model_len|input is too long",
    re.IGNORECASE,
)
_BY_THE_DAY = re.compile(r"\b(?:TPD|RPD)\b|per day|daily", re.IGNORECASE)
_OVERLOADED = re.compile(r"overloaded", re.IGNORECASE)

_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 60.0


class TooLong(Exception):
    """The prompt and its reply do not fit into the context of the model."""


class NotFound(Exception):
    """The server does not have this model, or does not speak this API."""


def refuse(answer: Answer, attempt: int) -> NoReturn:
    """Raise what an error answer means.

    Args:
        answer: The error answer.
        attempt: How many attempts of this call were refused before.

    Raises:
        TooLong: Less has to be asked about at once.
        RequestRefused: A plainer form of the reply has to be asked for.
        NotFound: The model or the address is not known.
        RetryLater: Another attempt may help.
        FinalError: "filtered".
        FatalError: No other recording would have a better answer.
    """
    refusal = Refusal(answer, _words(answer))
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise FatalError("key_refused", refusal.line, hint=_KEY_HINT)
    if answer.status == HTTPStatus.NOT_FOUND:
        raise NotFound(refusal.line)
    if _OVERLOADED.search(refusal.words):
        raise _retry_later(OVERLOADED, refusal, attempt)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        if "max_completion_tokens" in refusal.words:  # "unexpected keyword argument"
            raise RequestRefused(refusal.line)
        refuse_failures(answer)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        _refuse_rate(refusal, attempt)
    _refuse_account(refusal)
    _refuse_content(refusal)
    raise RequestRefused(refusal.line)


def _refuse_rate(refusal: Refusal, attempt: int) -> NoReturn:
    _refuse_quota(refusal)
    if _BY_THE_DAY.search(refusal.words):
        hint = "the next run resumes here; a higher tier of the account has no daily limit"
        raise FatalError("daily_limit", refusal.line, hint=hint)
    raise _retry_later("rate_limited", refusal, attempt)


def _refuse_account(refusal: Refusal) -> None:
    if refusal.answer.status in (HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN):
        _refuse_quota(refusal)
        raise FatalError("not_permitted", refusal.line, hint=_RIGHTS_HINT)


def _refuse_quota(refusal: Refusal) -> None:
    if _QUOTA.search(refusal.words):
        raise FatalError("quota_spent", refusal.line, hint=_QUOTA_HINT)


def _refuse_content(refusal: Refusal) -> None:
    if _FILTERED.search(refusal.words):
        raise FinalError(
            "filtered",
            refusal.line,
            hint="the transcript is kept; LLM_BACKEND=extractive makes a summary of it",
        )
    is_too_large = refusal.answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if is_too_large or _TOO_LONG.search(refusal.words):
        raise TooLong(refusal.line)


def _retry_later(code: str, refusal: Refusal, attempt: int) -> RetryLater:
    """Return a pause for all callers: as long as is asked for, and at least our own back-off."""
    longest_s = min(_LONGEST_PAUSE_S, 2 * _FIRST_PAUSE_S * 2**attempt)
    back_off_s = random.uniform(_FIRST_PAUSE_S, longest_s)  # noqa: S311 - jitter, not a secret
    wait_s = max(back_off_s, refusal.named_wait_s or 0.0, refusal.answer.retry_after_s or 0.0)
    return RetryLater(RetryableError(code, refusal.line, retry_after_s=wait_s))


def _words(answer: Answer) -> str:
    """Return type and message of `{"error": {…}}` or `{"message": …}`, or a bare string."""
    value = json_or_none(answer)
    error = value.get("error", value) if isinstance(value, dict) else value
    if not isinstance(error, dict):
        return without_secrets(error if isinstance(error, str) else NO_MESSAGE)
    kind = without_secrets(error.get("type") or error.get("code") or "")
    message = without_secrets(error.get("message") or error.get("detail") or "")
    return f"{kind}: {message}" if kind else message
