"""What it means when a chat server refuses: the error types of Moonshot and of its relatives.

content_filter                            FinalError("filtered")
too many tokens in the prompt             TooLong: the caller asks about less at once
another 400                               NotTaken: the caller asks in a plainer form
401                                       FatalError("key_refused")
403                                       FatalError("not_permitted"), or "quota_spent"
404                                       NotFound: no such model, or a wrong address
exceeded_current_quota_error              FatalError("quota_spent")
rate_limit_reached_error, by the day      FatalError("daily_limit")
rate_limit_reached_error                  waited for by everybody, tried again
engine_overloaded_error                   the same, backing off by our own rule
5xx                                       tried again
"""

import json
import random
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NoReturn

from meeting_pipeline.adapters.http.answer import Answer, RetryLater, refuse_failures
from meeting_pipeline.errors import FatalError, FinalError, RetryableError

OVERLOADED = "overloaded"
KEY_HINT = (
    "set KIMI_API_KEY and KIMI_BASE_URL to the same platform: keys of platform.kimi.com work at "
    "https://api.moonshot.cn/v1 only, those of platform.kimi.ai at https://api.moonshot.ai/v1 only"
)

_LONGEST_MESSAGE = 160
_KEY = re.compile(r"\b(sk|Bearer)[-_ ][^\s,;\"']+")
_QUERY = re.compile(r"(https?://[^\s?\"']+)\?\S*")
_AGAIN_AFTER = re.compile(r"again (?:after|in) (\d+(?:\.\d+)?)\s*(?:s\b|sec)", re.IGNORECASE)
_FILTERED = re.compile(r"content_?filter|high risk|data_inspection_failed|内容安全", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"token limit|token length|too many tokens|context.?(?:length|window|size)|maximum context"
    r"|max_model_len|input is too long",
    re.IGNORECASE,
)
_QUOTA = re.compile(r"current_quota|insufficient_quota|balance|arrears|余额|欠费", re.IGNORECASE)
_BY_THE_DAY = re.compile(r"\b(?:TPD|RPD)\b|per day|daily", re.IGNORECASE)
_OVERLOADED = re.compile(r"overloaded", re.IGNORECASE)

_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 60.0


class TooLong(Exception):
    """The prompt and its reply do not fit into the model's context."""


class NotTaken(Exception):
    """The server does not take the request in this form; the message says why, for an operator."""


class NotFound(Exception):
    """The server has no such model, or is not such a server."""


@dataclass(frozen=True)
class Refusal:
    """An error answer. kind: the vendor's error type; message: its words, cut and redacted."""

    answer: Answer
    kind: str
    message: str

    @property
    def words(self) -> str:
        """Both, for rules and messages."""
        return f"{self.kind}: {self.message}" if self.kind else self.message

    @property
    def line(self) -> str:
        """What an operator is told."""
        return f"{self.answer.what}: HTTP {self.answer.status}, {self.words}"


def refuse(answer: Answer, attempt: int) -> NoReturn:
    """Raise what this error answer means; attempt: how many of this call were refused before."""
    refusal = _read(answer)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise FatalError("key_refused", refusal.line, hint=KEY_HINT)
    if answer.status == HTTPStatus.NOT_FOUND:
        raise NotFound(refusal.line)
    if _OVERLOADED.search(refusal.words):
        raise _try_again(OVERLOADED, refusal, attempt)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        refuse_failures(answer)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        _refuse_rate(refusal, attempt)
    _refuse_account(refusal)
    _refuse_content(refusal)
    raise NotTaken(refusal.line)


def _refuse_rate(refusal: Refusal, attempt: int) -> NoReturn:
    if _QUOTA.search(refusal.words):
        raise _quota_spent(refusal)
    if _BY_THE_DAY.search(refusal.words):
        hint = "the next run continues here; a higher tier of the account has no daily limit"
        raise FatalError("daily_limit", refusal.line, hint=hint)
    raise _try_again("rate_limited", refusal, attempt)


def _refuse_account(refusal: Refusal) -> None:
    if refusal.answer.status not in (HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN):
        return
    if _QUOTA.search(refusal.words):
        raise _quota_spent(refusal)
    hint = "the account behind KIMI_API_KEY needs the right to use this model"
    raise FatalError("not_permitted", refusal.line, hint=hint)


def _refuse_content(refusal: Refusal) -> None:
    if _FILTERED.search(refusal.words):
        raise FinalError(
            "filtered",
            refusal.line,
            hint="the transcript is kept; LLM_BACKEND=extractive makes a summary of it",
        )
    if refusal.answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or _TOO_LONG.search(
        refusal.words
    ):
        raise TooLong(refusal.line)


def _quota_spent(refusal: Refusal) -> FatalError:
    hint = "top up the account; the next run continues here, transcripts are kept"
    return FatalError("quota_spent", refusal.line, hint=hint)


def _try_again(code: str, refusal: Refusal, attempt: int) -> RetryLater:
    """A pause for everybody: as long as the header or the words ask, and our back-off at least."""
    longest_s = min(_LONGEST_PAUSE_S, 2 * _FIRST_PAUSE_S * 2**attempt)
    ours_s = random.uniform(_FIRST_PAUSE_S, longest_s)  # noqa: S311 - jitter is not a secret
    named = _AGAIN_AFTER.search(refusal.message)
    named_s = float(named[1]) if named else 0.0
    wait_s = max(ours_s, named_s, refusal.answer.retry_after_s or 0.0)
    return RetryLater(RetryableError(code, refusal.line, retry_after_s=wait_s))


def _read(answer: Answer) -> Refusal:
    """Take type and message from `{"error": {…}}`, `{"message": …}`, a bare string or a page."""
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        value = None
    error = value.get("error", value) if isinstance(value, dict) else value
    if not isinstance(error, dict):
        return Refusal(answer, "", _safe(error if isinstance(error, str) else "no error message"))
    kind = error.get("type") or error.get("code") or ""
    return Refusal(answer, _safe(kind), _safe(error.get("message") or error.get("detail") or ""))


def _safe(words: Any) -> str:
    """One short line without keys and without what follows the ? of a link."""
    line = " ".join(str(words).split())
    return _QUERY.sub(r"\1?…", _KEY.sub(r"\1-…", line))[:_LONGEST_MESSAGE]
