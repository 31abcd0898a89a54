"""A server that speaks OpenAI's HTTP API, and the key to it."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import requests

from meeting_pipeline.adapters.http.answer import Answer
from meeting_pipeline.adapters.http.client import Http, Timeouts
from meeting_pipeline.adapters.http.error_objects import with_true_status
from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.adapters.openai_api.refusals import RequestRefused
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.errors import MeetingError
from meeting_pipeline.ports.gate import OPEN, Gate
from meeting_pipeline.storage.paid_calls import call_key

T = TypeVar("T")
Refuse = Callable[[Answer, int], NoReturn]
"""Raises what an error answer means, given how many of this call were refused before."""

MOST_NAMES = 20
"""Of models in one message."""

_NO_SUCH_ENDPOINT = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)


@dataclass(frozen=True)
class RequestBody:
    """What is sent in one attempt.

    Attributes:
        content_type: Its media type.
        data: Its bytes, or what yields them once and has a length.
    """

    content_type: str
    data: bytes | Iterable[bytes]


class OpenAIServer:
    """A client of one server; threads may share it.

    Args:
        base_url: The address of its API, with /v1.
        api_key: Sent as a bearer token.
        refuse: Raises what an error answer means.
        rate: Calls and tokens per minute, shared by all threads.
        stop: Ends every wait with Stopped once it is set.
        timeouts: The limits of one attempt.
        accept: The media types of its answers, as an Accept header lists them.
        gate: Limits how many calls are made at once.
        clock: Returns seconds that only increase.

    Attributes:
        host: Its name in messages.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        refuse: Refuse,
        rate: RateLimit,
        stop: threading.Event,
        timeouts: Timeouts,
        accept: str = "application/json",
        gate: Gate = OPEN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.host = urlsplit(base_url).hostname or base_url
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}", "Accept": accept}
        self._refuse = refuse
        self._http = Http(
            self.host, stop=stop, rates=[rate], timeouts=timeouts, gate=gate, clock=clock
        )

    def call_key(self, path: str, model: str, content: bytes, repetition: int) -> str:
        """Return the fingerprint under which the answer of a call is kept (`PaidCalls`).

        Args:
            path: The endpoint.
            model: The name of the model.
            content: All else that the answer depends on.
            repetition: 0, or the number of a deliberate repetition of the same call.
        """
        return call_key(f"POST {path}", self._base_url, model, content, repetition)

    def post(
        self,
        path: str,
        encode: Callable[[], RequestBody],
        read: Callable[[Answer], T],
        *,
        tokens: int = 0,
        brief: bool = False,
    ) -> T:
        """Send one request and return what `read` makes of its answer.

        Args:
            path: The endpoint, below the base address.
            encode: Makes the body of an attempt.
            read: Turns an answer of status 200 into the result.
            tokens: The most that it may use, for limits that count tokens.
            brief: Whether a person waits: two attempts, no long waits.

        Raises:
            MeetingError: What `refuse`, `read` and `Http.call` raise.
        """

        def prepare() -> requests.PreparedRequest:
            body = encode()
            headers = self._headers | {"Content-Type": body.content_type}
            url = f"{self._base_url}{path}"
            return requests.Request("POST", url, headers=headers, data=body.data).prepare()

        refused = count()

        def parse_response(answer: Answer) -> T:
            answer = with_true_status(answer)
            if answer.status != HTTPStatus.OK:
                self._refuse(answer, next(refused))
            return read(answer)

        http = self._http.with_short_timeouts() if brief else self._http
        return http.call(f"POST {path}", prepare, parse_response, tokens=tokens)

    def models(self) -> list[str] | None:
        """Return the names of the models that the key may use; None where there is no list.

        Raises:
            FatalError: "key_refused" and other refusals of the account.
            RetryableError: The server cannot be asked now; it is asked twice, without long waits.
        """
        http = self._http.with_short_timeouts()
        try:
            return http.call("GET /models", self._prepare_list, self._names)
        except RequestRefused:
            return None

    def examine(
        self, code: str, model: str, setting: str, try_once: Callable[[], None] | None = None
    ) -> list[Check]:
        """Check that the server answers, takes the key and has the model; the list costs nothing.

        Args:
            code: Of the check.
            model: The name of the model.
            setting: The name of the setting that chooses it.
            try_once: Makes the smallest call of the model, for a server without a list of models;
                None where there is no small call.
        """
        try:
            names = self.models()
        except MeetingError as error:
            return [Check.refused(code, error, self.host)]
        if not names:
            return [self._without_list(code, model, try_once)]
        if model not in names:
            hint = f"改为其中之一 set {setting} to one of: {', '.join(names[:MOST_NAMES])}"
            message = f"没有这个模型 {self.host} has no model {model} for this key"
            return [Check(code, False, message, hint)]
        return [Check(code, True, f"密钥有效 {model} at {self.host}, the key is accepted")]

    def _without_list(self, code: str, model: str, try_once: Callable[[], None] | None) -> Check:
        reason = f"{self.host} 不列出模型 does not list its models (GET /models)"
        hint = "meeting run --limit 1 用一段录制验证 proves it with one recording"
        if try_once is None:
            return Check.not_made(code, f"没有检查 not tried: {reason}", hint)
        try:
            try_once()
        except RequestRefused as refusal:
            return Check.not_made(code, f"没有检查 not tried: {reason}; {refusal}", hint)
        except MeetingError as error:
            return Check.refused(code, error, self.host)
        return Check(code, True, f"{model} at {self.host} answers, the key is accepted; {reason}")

    def close(self) -> None:
        """Break off all calls, which raise Stopped, as later ones do."""
        self._http.close()

    def _prepare_list(self) -> requests.PreparedRequest:
        return requests.Request("GET", f"{self._base_url}/models", headers=self._headers).prepare()

    def _names(self, answer: Answer) -> list[str] | None:
        if answer.status in _NO_SUCH_ENDPOINT:
            return None
        if answer.status != HTTPStatus.OK:
            self._refuse(answer, 1)
        said: Any = answer.json()
        rows = said.get("data") if isinstance(said, dict) else said
        rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        return [row["id"] for row in rows if isinstance(row.get("id"), str)]
