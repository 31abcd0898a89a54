"""One way to call a service over HTTP: patient, polite, bounded, and never telling secrets.

    http = Http("Tencent Meeting", rates=[RateLimit(300, stop=stop)], stop=stop)
    answer = http.call("GET /v1/records", prepare, judge)

`prepare` makes a new request for every attempt (so each is signed anew), `judge` turns an answer
into what the caller wants. What judge raises goes through, except `TryAgain`: that is another
attempt. Failures of the network, and what `refuse_failures` finds, are tried again by themselves.
"""

import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import requests
import urllib3
from requests.adapters import HTTPAdapter
from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from meeting_pipeline.adapters.rates import RateLimit
from meeting_pipeline.errors import ConfigError, FatalError, MeetingError, RetryableError, Stopped

T = TypeVar("T")

BODY_CAP_BYTES = 32 << 20
_BLOCK_BYTES = 64 << 10
_CONNECTIONS = 32
_TRIES = 5
_PATIENCE_S = 120.0
_BACK_OFF = wait_random_exponential(multiplier=2, max=60)  # full jitter
_PROBE_EVERY_S = 30.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timeouts:
    """In seconds: to connect, between two bytes, for a whole attempt."""

    connect_s: float = 10.0
    read_s: float = 60.0
    total_s: float = 300.0


@dataclass(frozen=True)
class Answer:
    """What came back, whole. what: the call, as messages name it ("GET /v1/records")."""

    what: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body read as JSON; raises TryAgain (once) with RetryableError("bad_answer")."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise self.bad("is no JSON") from None

    def bad(self, what_is_wrong: str) -> "TryAgain":
        """For an answer that makes no sense; one more attempt, then RetryableError("bad_answer")."""
        message = f"{self.what}: the answer (HTTP {self.status}) {what_is_wrong}"
        return TryAgain(RetryableError("bad_answer", message), tries=2)

    @property
    def retry_after_s(self) -> float | None:
        """What the Retry-After header asks for, as seconds or as a date; None where it does not."""
        return _retry_after_s(self.headers)


class TryAgain(Exception):
    """Raised by a judge: one more attempt may help.

    error: what the caller gets when none did; its `retry_after_s` is waited for by everybody who
    calls this service. tries: attempts in all. outage: the service as a whole seems to be down.
    """

    def __init__(self, error: RetryableError, *, tries: int = _TRIES, outage: bool = False) -> None:
        super().__init__(error.code)
        self.error = error
        self.tries = tries
        self.outage = outage


def refuse_failures(answer: Answer) -> None:
    """Raise TryAgain for what any HTTP service means by 429 and 5xx; call it in a judge.

    RetryableError("rate_limited") or ("service_failed"), with the seconds of Retry-After.
    """
    if answer.status == requests.codes.too_many_requests:
        message = f"{answer.what}: too many requests (HTTP 429)"
        raise TryAgain(
            RetryableError("rate_limited", message, retry_after_s=answer.retry_after_s)
        )
    if answer.status >= requests.codes.server_error:
        message = f"{answer.what}: the service failed (HTTP {answer.status})"
        raise TryAgain(
            RetryableError("service_failed", message, retry_after_s=answer.retry_after_s),
            outage=True,
        )


def open_session(connections: int = _CONNECTIONS) -> requests.Session:
    """A session that reuses connections, keeps no cookies' secrets, and never retries by itself.

    Send prepared requests (`requests.Request(…).prepare()`): then no `.netrc` adds a password.
    """
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_connections=8, pool_maxsize=connections))
    return session


class Http:
    """Calls one service; threads may share it, and then share its rates, pauses and outages.

    service: its name for messages. rates: every call takes a slot of each of them, in this order.
    stop: its being set ends every wait with Stopped.
    """

    def __init__(
        self,
        service: str,
        *,
        stop: threading.Event,
        rates: Sequence[RateLimit] = (),
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
        clock: Callable[[], float] = time.monotonic,
    ) -> None: ...

    def call(
        self,
        what: str,
        prepare: Callable[[], requests.PreparedRequest],
        judge: Callable[[Answer], T],
        *,
        rates: Sequence[RateLimit] = (),
        tokens: int = 0,
    ) -> T:
        """One answered call, tried up to five times.

        what: names the call in messages, without its query. rates: further limits of this call
        alone. tokens: what it may use at most, for limits that count tokens. Redirects are not
        followed; the judge sees them.

        Raises what judge raises, RetryableError("network") for connections that fail,
        ("rate_limited"), ("service_failed"), ("service_down") while the service is known to be
        down, ("bad_answer") above 32 MB; FatalError("tls"); ConfigError("bad_address"); Stopped.
        """
        raise NotImplementedError
