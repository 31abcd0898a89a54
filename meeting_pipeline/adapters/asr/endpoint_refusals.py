"""What it means when a transcription server refuses; every vendor has words of its own.

413, or "too large", "too long"           TooLarge: the caller sends less at once
400 that speaks of the response format    FormRefused: the caller asks for a plainer answer
another 400, 422                          tried again once, then NotTaken
401                                       FatalError("key_refused")
402, 403, quota and balance under 429     FatalError("quota_spent") or ("not_permitted")
404, "model not found"                    FatalError("unknown_model")
429                                       waited for by everybody, tried again
5xx                                       tried again
"""

import json
import re
from http import HTTPStatus
from typing import Any, NoReturn

from meeting_pipeline.adapters.http.answer import Answer, RetryLater, refuse_failures
from meeting_pipeline.errors import FatalError, RetryableError

_LONGEST_MESSAGE = 160
_KEY = re.compile(r"\b(?:sk|Bearer)[-_ ][^\s,;\"']+")
_QUERY = re.compile(r"(https?://[^\s?\"']+)\?\S*")
_AGAIN_AFTER = re.compile(r"again (?:after|in) (\d+(?:\.\d+)?)\s*(?:s\b|sec)", re.IGNORECASE)
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
    """The upload has too many bytes or seconds for this server."""


class NotTaken(Exception):
    """The server does not take the request; the message says why, for an operator."""


class FormRefused(NotTaken):
    """The server does not give answers of this response_format."""


def refuse(answer: Answer, attempt: int) -> NoReturn:
    """Raise what this error answer means; attempt: how many of this call were refused before."""
    words = _words(answer)
    line = f"{answer.what}: HTTP {answer.status}, {words}"
    if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        raise TooLarge(line)
    _refuse_account(answer, words, line)
    if answer.status == HTTPStatus.NOT_FOUND or _MODEL.search(words):
        raise FatalError(
            "unknown_model",
            line,
            hint="check ASR_MODEL and ASR_BASE_URL; `meeting doctor` lists models",
        )
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise _rate_limited(answer, words, line)
    refuse_failures(answer)
    if _FORM.search(words):
        raise FormRefused(line)
    if _TOO_LARGE.search(words):
        raise TooLarge(line)
    if attempt == 0:
        raise RetryLater(RetryableError("asr_refused", line))
    raise NotTaken(line)


def _refuse_account(answer: Answer, words: str, line: str) -> None:
    if answer.status == HTTPStatus.UNAUTHORIZED:
        hint = "set ASR_API_KEY to a key of the service at ASR_BASE_URL"
        raise FatalError("key_refused", line, hint=hint)
    spent = answer.status == HTTPStatus.PAYMENT_REQUIRED or _QUOTA.search(words)
    if spent and answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        hint = "top up the account; the next run continues here, what is transcribed is kept"
        raise FatalError("quota_spent", line, hint=hint)
    if answer.status == HTTPStatus.FORBIDDEN:
        hint = "the account behind ASR_API_KEY needs the right to use ASR_MODEL"
        raise FatalError("not_permitted", line, hint=hint)


def _rate_limited(answer: Answer, words: str, line: str) -> RetryLater:
    named = _AGAIN_AFTER.search(words)
    wait_s = answer.retry_after_s if named is None else float(named[1])
    return RetryLater(RetryableError("rate_limited", line, retry_after_s=wait_s))


def _words(answer: Answer) -> str:
    """Type and message of `{"error": {…}}`, `{"detail": …}`, `{"code", "message"}` or a string."""
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return "no error message"
    return _safe(" ".join(_strings(said))) or "no error message"


def _strings(said: Any) -> list[str]:
    if isinstance(said, str):
        return [said]
    if isinstance(said, list):
        return [word for one in said for word in _strings(one)]
    if isinstance(said, dict):
        named = ("error", "type", "code", "message", "msg", "detail")
        return [word for name in named for word in _strings(said.get(name))]
    return []


def _safe(words: str) -> str:
    """One short line without keys and without what follows the ? of a link."""
    line = " ".join(words.split())
    return _QUERY.sub(r"\1?…", _KEY.sub("…", line))[:_LONGEST_MESSAGE]
