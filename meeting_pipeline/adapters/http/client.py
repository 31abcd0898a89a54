"""A client for services over HTTP: deadlines, retries, rate limits, and messages without secrets.

    http = Http("Tencent Meeting", rates=[RateLimit(300, stop=stop)], stop=stop)
    answer = http.call("GET /v1/records", prepare, parse_response)

`prepare` makes a new request for every attempt, so that each is signed by itself. `parse_response`
turns the answer into what the caller wants, while the call still holds its slot of the gate. An
exception that it raises reaches the caller, except `RetryLater`, which asks for another attempt.
Failures of the network, and those that `refuse_failures` finds, are retried as well.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from meeting_pipeline.adapters.http.answer import TRIES, Answer, RetryLater, bad_answer
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
_PATIENCE_S = 120.0
_BACK_OFF = wait_random_exponential(multiplier=2, max=60)  # full jitter

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timeouts:
    """The limits of one attempt, in seconds.

    Attributes:
        connect_s: To open a connection to one address.
        read_s: Between two bytes of the answer.
        total_s: For the whole attempt. It bounds what trickles, in both directions, so it has to be
            enough for the largest upload and the longest answer of the service together.
    """

    connect_s: float = 10.0
    read_s: float = 60.0
    total_s: float = 300.0


_SHORT = Timeouts(connect_s=4.0, read_s=8.0, total_s=10.0)


def _open_session(adapter: BreakableAdapter) -> requests.Session:
    """Return a session that reuses connections and never retries by itself.

    Requests have to be prepared (`requests.Request(…).prepare()`): then no `.netrc` adds a
    password.
    """
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return session


class Http:
    """A client of one service; threads that share it share its rate limits, pauses and outages.

    Args:
        service: The name of the service in messages.
        stop: Ends every wait with Stopped once it is set.
        rates: Rate limits of every call, entered in this order.
        timeouts: The limits of one attempt.
        gate: Limits how many calls are made at once.
        clock: Returns seconds that only increase.
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
        self._tries, self._patience_s = TRIES, _PATIENCE_S
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
        parse_response: Callable[[Answer], T],
        *,
        rates: Sequence[RateLimit] = (),
        tokens: int = 0,
    ) -> T:
        """Make one call, in up to five attempts.

        Redirects are not followed; `parse_response` is given them.

        Args:
            what: The call in messages, without its query.
            prepare: Makes the request of an attempt.
            parse_response: Turns an answer into the result.
            rates: Further rate limits, of this call alone.
            tokens: The most that it may use, for limits that count tokens.

        Returns:
            What `parse_response` returns.

        Raises:
            RetryableError: "network" for connections that fail, "rate_limited" or
                "service_failed", none of them to be retried soon; "service_down" while the service
                is known to be down; "bad_answer" above 32 MB.
            FatalError: "tls".
            ConfigError: "bad_address", "bad_header" or "no_certificates".
            Stopped: The run was asked to end.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(RetryLater),
            stop=self._is_enough,
            wait=_back_off,
            sleep=self._pause,
            before_sleep=_say_why,
            reraise=True,
        )
        taken = (*rates, *self._rates)
        attempt = partial(self._attempt, what, prepare, parse_response, taken, tokens)
        try:
            return retrying(attempt)
        except RetryLater as last:
            raise _left_for_later(last.error) from None

    def with_short_timeouts(self) -> "Http":
        """Return a client for a person who waits: two attempts, no long waits."""
        twin = copy(self)
        twin._timeouts, twin._tries, twin._patience_s = _SHORT, 2, 0.0
        return twin

    def close(self) -> None:
        """Break off all calls, which raise Stopped, as later ones do; any thread may call it."""
        self._closed.set()
        self._adapter.break_off()
        self._session.close()

    def _attempt(
        self,
        what: str,
        prepare: Callable[[], requests.PreparedRequest],
        parse_response: Callable[[Answer], T],
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
                # inside the gate: what was paid for is kept before the next call is made
                result = parse_response(answer)
        except RetryLater as again:
            self._note(again)
            raise
        self._breaker.answered()
        return result

    def _is_enough(self, state: RetryCallState) -> bool:
        again = _trouble(state)
        asked_s = again.error.retry_after_s or 0.0
        return state.attempt_number >= min(again.tries, self._tries) or asked_s > self._patience_s

    def _note(self, again: RetryLater) -> None:
        """Tell the circuit breaker and the rate limit what the service said."""
        if again.outage:
            self._breaker.failed()
        else:
            self._breaker.answered()
        if again.error.retry_after_s is not None:
            (again.rate_limit or self._rates[-1]).cool_down(again.error.retry_after_s)

    def _exchange(self, what: str, prepare: Callable[[], requests.PreparedRequest]) -> Answer:
        """Send one request and read its answer, or raise RetryLater or one of our errors."""
        self._check_open()
        with self._adapter.attempt() as attempt:
            try:
                with attempt.within(self._timeouts.total_s):
                    answer = self._answer(what, prepare())
                trouble = None
            except FOREIGN as error:
                trouble = in_our_words(error, what)
            self._check_open()  # a call that was broken off looks like a body without a length
            if attempt.is_late:
                trouble = self._too_late(what)
        if trouble is None:
            return answer
        if isinstance(trouble, RetryableError):
            raise RetryLater(trouble, outage=True)
        raise trouble

    def _answer(self, what: str, request: requests.PreparedRequest) -> Answer:
        with self._session.send(
            request,
            timeout=(self._timeouts.connect_s, self._timeouts.read_s),
            allow_redirects=False,
            **self._environment_of(request.url or ""),
        ) as response:
            body = _body(what, response)
            return Answer(what, response.status_code, response.headers, body)

    def _too_late(self, what: str) -> RetryableError:
        message = f"{what}: the answer was not complete in {self._timeouts.total_s:g} s"
        return RetryableError("network", message, hint="check network and proxy")

    def _environment_of(self, url: str) -> Mapping[str, Any]:
        """Return the proxies and certificates of the environment for a host, looked up once."""
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
            raise bad_answer(what, response.status_code, "is larger than 32 MB")
    return bytes(body)


def _left_for_later(error: RetryableError) -> RetryableError:
    """Return the error, left to a later run unless the service has named a time to wait for."""
    error.within_run = error.retry_after_s is not None
    return error


def _trouble(state: RetryCallState) -> RetryLater:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, RetryLater):
        raise TypeError(f"only RetryLater is retried, not {error!r}")
    return error


def _back_off(state: RetryCallState) -> float:
    """Return a wait with full jitter, or 0 where the rate limit waits as long as was asked for."""
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
