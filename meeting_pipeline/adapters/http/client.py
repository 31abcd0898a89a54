"""One way to call a service over HTTP: patient, polite, bounded, and never telling secrets.

    http = Http("Tencent Meeting", rates=[RateLimit(300, stop=stop)], stop=stop)
    answer = http.call("GET /v1/records", prepare, judge)

`prepare` makes a new request for every attempt (each is signed again), `judge` turns an answer
into what the caller wants, while the call still has its place at the gate. What judge raises goes
through, except `TryAgain`: that is another attempt. Failures of the network, and what
`refuse_failures` finds, are tried again by themselves.
"""

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from meeting_pipeline.adapters.http.circuit_breaker import Breaker
from meeting_pipeline.adapters.http.connections import BreakableAdapter
from meeting_pipeline.adapters.http.network_errors import FOREIGN, in_our_words
from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.errors import RetryableError, Stopped
from meeting_pipeline.ports.gate import OPEN, Gate

T = TypeVar("T")

BODY_CAP_BYTES = 32 << 20
_BLOCK_BYTES = 64 << 10
_CONNECTIONS = 32
_TRIES = 5
_PATIENCE_S = 120.0
_BACK_OFF = wait_random_exponential(multiplier=2, max=60)  # full jitter
_SECONDS = re.compile(r"\d+(\.\d+)?", re.ASCII)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timeouts:
    """In seconds: to connect, between two bytes, for a whole attempt from its first byte on.

    total_s bounds whatever trickles, in both directions: it has to be enough for the largest
    upload and the longest answer of the service together.
    """

    connect_s: float = 10.0
    read_s: float = 60.0
    total_s: float = 300.0


_HASTY = Timeouts(connect_s=4.0, read_s=8.0, total_s=10.0)


@dataclass(frozen=True)
class Answer:
    """What came back, whole. what: the call, as messages name it ("GET /v1/records")."""

    what: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is one of 200 … 299."""
        return 200 <= self.status < 300  # noqa: PLR2004 - that is the definition

    def json(self) -> Any:
        """The body read as JSON; raises TryAgain (once) with RetryableError("bad_answer")."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise self.bad("is not JSON") from None

    def bad(self, what_is_wrong: str) -> "TryAgain":
        """For an answer that makes no sense: one more attempt, then "bad_answer"."""
        return _bad_answer(self.what, self.status, what_is_wrong)

    @property
    def retry_after_s(self) -> float | None:
        """What the Retry-After header asks for, as seconds or as a date; None where it does not."""
        return _retry_after_s(self.headers)


class TryAgain(Exception):
    """Raised by a judge: one more attempt may help.

    error: what the caller gets when none did; its `retry_after_s` is waited for by everybody who
    calls this service. tries: attempts in all. outage: the service as a whole seems to be down.
    cool: the limit that has to wait, should it be another one than the service's last.
    """

    def __init__(
        self,
        error: RetryableError,
        *,
        tries: int = _TRIES,
        outage: bool = False,
        cool: RateLimit | None = None,
    ) -> None:
        super().__init__(error.code)
        self.error = error
        self.tries = tries
        self.outage = outage
        self.cool = cool


def refuse_failures(answer: Answer) -> None:
    """Raise TryAgain for what any HTTP service means by 429 and 5xx; call it in a judge.

    RetryableError("rate_limited") or ("service_failed"), with the seconds of Retry-After.
    """
    if answer.status == requests.codes.too_many_requests:
        message = f"{answer.what}: too many requests (HTTP 429)"
        raise TryAgain(RetryableError("rate_limited", message, retry_after_s=answer.retry_after_s))
    if answer.status >= requests.codes.server_error:
        message = f"{answer.what}: the service failed (HTTP {answer.status})"
        raise TryAgain(
            RetryableError("service_failed", message, retry_after_s=answer.retry_after_s),
            outage=True,
        )


def _open_session(adapter: BreakableAdapter) -> requests.Session:
    """A session that reuses connections and never retries by itself.

    Send prepared requests (`requests.Request(…).prepare()`): then no `.netrc` adds a password.
    """
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return session


class Http:
    """Calls one service; threads may share it, and then share its rates, pauses and outages.

    service: its name for messages. gate: how many calls there may be at once. rates: every call
    takes a slot of each of them, in this order.
    stop: its being set ends every wait with Stopped. clock: seconds.
    """

    def __init__(
        self,
        service: str,
        *,
        stop: threading.Event,
        rates: Sequence[RateLimit] = (),
        timeouts: Timeouts = Timeouts(),
        gate: Gate = OPEN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gate = gate
        self._rates = tuple(rates) or (RateLimit(stop=stop),)
        self._timeouts = timeouts
        self._tries, self._patience_s = _TRIES, _PATIENCE_S
        self._stop = stop
        self._clock = clock
        self._adapter = BreakableAdapter(pool_connections=8, pool_maxsize=_CONNECTIONS)
        self._session = _open_session(self._adapter)
        self._by_host: dict[str, Mapping[str, Any]] = {}
        self._closed = threading.Event()
        self._breaker = Breaker(service, clock)

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

        Raises what judge raises; RetryableError("network") for connections that fail,
        ("rate_limited"), ("service_failed"), all three not to be tried again soon, and
        ("service_down") while the service is known to be
        down, ("bad_answer") above 32 MB; FatalError("tls"); ConfigError("bad_address"); Stopped.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(TryAgain),
            stop=self._is_enough,
            wait=_back_off,
            sleep=self._pause,
            before_sleep=_say_why,
            reraise=True,
        )
        taken = (*rates, *self._rates)
        attempt = partial(self._attempt, what, prepare, judge, taken, tokens)
        try:
            return retrying(attempt)
        except TryAgain as last:
            raise _left_for_later(last.error) from None

    def with_short_timeouts(self) -> "Http":
        """The same service for a caller who looks on: two tries, and no long waits."""
        twin = copy(self)
        twin._timeouts, twin._tries, twin._patience_s = _HASTY, 2, 0.0
        return twin

    def close(self) -> None:
        """Break off every call under way and to come: it raises Stopped. Any thread may call it."""
        self._closed.set()
        self._adapter.break_off()
        self._session.close()

    def _attempt(
        self,
        what: str,
        prepare: Callable[[], requests.PreparedRequest],
        judge: Callable[[Answer], T],
        rates: Sequence[RateLimit],
        tokens: int,
    ) -> T:
        self._breaker.check()
        try:
            with self._gate.slot():
                with ExitStack() as slots:
                    for rate in rates:
                        slots.enter_context(rate.slot(tokens))
                    answer = self._exchange(what, prepare)
                result = judge(answer)  # it may keep what was paid for: no next call before that
        except TryAgain as again:
            self._heed(again)
            raise
        self._breaker.answered()
        return result

    def _is_enough(self, state: RetryCallState) -> bool:
        again = _trouble(state)
        asked_s = again.error.retry_after_s or 0.0
        return state.attempt_number >= min(again.tries, self._tries) or asked_s > self._patience_s

    def _heed(self, again: TryAgain) -> None:
        """Let everybody know what one caller was told."""
        if again.outage:
            self._breaker.failed()
        else:
            self._breaker.answered()
        if again.error.retry_after_s is not None:
            (again.cool or self._rates[-1]).cool_down(again.error.retry_after_s)

    def _exchange(self, what: str, prepare: Callable[[], requests.PreparedRequest]) -> Answer:
        """Send one request, read one answer; failures come as TryAgain or as our errors."""
        self._check_open()
        with self._adapter.attempt() as attempt:
            try:
                with attempt.within(self._timeouts.total_s):
                    answer = self._answer(what, prepare())
                trouble = None
            except FOREIGN as error:
                trouble = in_our_words(error, what)
            self._check_open()  # broken off looks like the end of a body without a length
            if attempt.is_late:
                trouble = self._too_late(what)
        if trouble is None:
            return answer
        if isinstance(trouble, RetryableError):
            raise TryAgain(trouble, outage=True)
        raise trouble

    def _answer(self, what: str, request: requests.PreparedRequest) -> Answer:
        with self._session.send(
            request,
            timeout=(self._timeouts.connect_s, self._timeouts.read_s),
            allow_redirects=False,
            **self._surroundings(request.url or ""),
        ) as response:
            body = _body(what, response)
            return Answer(what, response.status_code, response.headers, body)

    def _too_late(self, what: str) -> RetryableError:
        message = f"{what}: the answer was not complete in {self._timeouts.total_s:g} s"
        return RetryableError("network", message, hint="check network and proxy")

    def _surroundings(self, url: str) -> Mapping[str, Any]:
        """Proxies and certificates of the environment for this host, looked up once."""
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in self._by_host:
            how = self._session.merge_environment_settings(host, {}, True, True, None)
            self._by_host[host] = how
        return self._by_host[host]

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise Stopped("stopped", "the run was asked to end")

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped("stopped", "the run was asked to end")


def _body(what: str, response: requests.Response) -> bytes:
    body = bytearray()
    while block := response.raw.read1(_BLOCK_BYTES, decode_content=True):
        body += block
        if len(body) > BODY_CAP_BYTES:
            raise _bad_answer(what, response.status_code, "is larger than 32 MB")
    return bytes(body)


def _left_for_later(error: RetryableError) -> RetryableError:
    """Return the error, left to a later run unless the service has named a time to wait for."""
    error.within_run = error.retry_after_s is not None
    return error


def _bad_answer(what: str, status: int, what_is_wrong: str) -> TryAgain:
    message = f"{what}: the answer (HTTP {status}) {what_is_wrong}"
    return TryAgain(RetryableError("bad_answer", message), tries=2)


def _trouble(state: RetryCallState) -> TryAgain:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, TryAgain):
        raise TypeError(f"only TryAgain is tried again, not {error!r}")
    return error


def _back_off(state: RetryCallState) -> float:
    """Full jitter; where the service said how long, its rate limit does the waiting."""
    asked = _trouble(state).error.retry_after_s is not None
    return 0.0 if asked else _BACK_OFF(state)


def _say_why(state: RetryCallState) -> None:
    again = _trouble(state)
    wait_s = again.error.retry_after_s
    if wait_s is None:
        wait_s = state.next_action.sleep if state.next_action else 0.0
    _log.warning(
        "%s; again in %.0f s (attempt %d of %d)",
        again.error.message,
        wait_s,
        state.attempt_number + 1,
        again.tries,
    )


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    asked = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(asked):
        return float(asked)
    when = http_date(asked)
    if when is None:
        return None
    now = http_date(headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (when - now).total_seconds())


def http_date(text: str) -> datetime | None:
    """A date of an HTTP header as aware UTC, or None for anything else."""
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return when.replace(tzinfo=when.tzinfo or UTC).astimezone(UTC)
