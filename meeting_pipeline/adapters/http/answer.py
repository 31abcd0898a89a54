"""An answer to an HTTP request, and what its status means for the caller."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.errors import RetryableError

TRIES = 5
"""Attempts that are made of one call, unless an error says less."""

_SECONDS = re.compile(r"\d+(\.\d+)?", re.ASCII)


@dataclass(frozen=True)
class Answer:
    """A whole answer.

    Attributes:
        what: The call as messages name it ("GET /v1/records").
        status: The HTTP status.
        headers: Found by any case of their names.
        body: The bytes of its body, decompressed.
    """

    what: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is one of 200 … 299."""
        return 200 <= self.status < 300  # noqa: PLR2004 - that is the definition

    def json(self) -> Any:
        """Return the body read as JSON.

        Raises:
            RetryLater: It is not JSON; one more attempt is made, then "bad_answer".
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise self.bad("is not JSON") from None

    def bad(self, what_is_wrong: str) -> "RetryLater":
        """Return the error for an answer that makes no sense: one more attempt, then "bad_answer".

        Args:
            what_is_wrong: The end of a sentence that begins with "the answer".
        """
        return bad_answer(self.what, self.status, what_is_wrong)

    @property
    def retry_after_s(self) -> float | None:
        """The seconds that the Retry-After header asks for, or None."""
        return _retry_after_s(self.headers)


class RetryLater(Exception):
    """Raised by a `parse_response` where another attempt may help.

    Args:
        error: What the caller gets when no attempt helped. Its `retry_after_s` is waited for by all
            callers of the service.
        tries: How many attempts are made in all.
        outage: Whether the service as a whole seems to be down.
        rate_limit: The limit that has to wait; the last one of the service if it is None.
    """

    def __init__(
        self,
        error: RetryableError,
        *,
        tries: int = TRIES,
        outage: bool = False,
        rate_limit: RateLimit | None = None,
    ) -> None:
        super().__init__(error.code)
        self.error = error
        self.tries = tries
        self.outage = outage
        self.rate_limit = rate_limit


def refuse_failures(answer: Answer) -> None:
    """Raise RetryLater for what every HTTP service means by 429 and by 5xx.

    Raises:
        RetryLater: With RetryableError("rate_limited") or ("service_failed"), and the seconds of
            Retry-After.
    """
    if answer.status == requests.codes.too_many_requests:
        message = f"{answer.what}: too many requests (HTTP 429)"
        error = RetryableError("rate_limited", message, retry_after_s=answer.retry_after_s)
        raise RetryLater(error)
    if answer.status >= requests.codes.server_error:
        message = f"{answer.what}: the service failed (HTTP {answer.status})"
        error = RetryableError("service_failed", message, retry_after_s=answer.retry_after_s)
        raise RetryLater(error, outage=True)


def bad_answer(what: str, status: int, what_is_wrong: str) -> RetryLater:
    """Return the error for an answer that makes no sense: one more attempt, then "bad_answer".

    Args:
        what: The call as messages name it.
        status: The HTTP status of the answer.
        what_is_wrong: The end of a sentence that begins with "the answer".
    """
    message = f"{what}: the answer (HTTP {status}) {what_is_wrong}"
    return RetryLater(RetryableError("bad_answer", message), tries=2)


def http_date(text: str) -> datetime | None:
    """Return the date of an HTTP header in UTC, or None for anything else."""
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return when.replace(tzinfo=when.tzinfo or UTC).astimezone(UTC)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    asked = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(asked):
        return float(asked)
    when = http_date(asked)
    if when is None:
        return None
    now = http_date(headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (when - now).total_seconds())
