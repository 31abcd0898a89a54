"""Signed calls to the Tencent Meeting API with typed answers."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from requests import PreparedRequest, Request

from meeting_pipeline.adapters.http.answer import Answer, RetryLater, http_date, refuse_failures
from meeting_pipeline.adapters.http.client import Http
from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.adapters.sources.tencent.api_types import BadField, read
from meeting_pipeline.adapters.sources.tencent.error_codes import (
    CLOCK_SKEW,
    Refusal,
    meaning,
    refusal_in,
    swapped_hint,
)
from meeting_pipeline.adapters.sources.tencent.signing import Credentials, sign
from meeting_pipeline.errors import FatalError, RetryableError

Row = TypeVar("Row")
Query = Mapping[str, str | int]

_log = logging.getLogger(__name__)


@dataclass
class _Call:
    """The state of one call between its attempts."""

    path: str
    limit: RateLimit | None
    clock_was_wrong: bool = False


class TencentClient:
    """Calls the API for one application; threads may share it.

    Attributes:
        credentials: The ids and keys of the application.
        clock_skew_s: How far Tencent's clock is ahead of ours in seconds, measured when it refused
            our time; 0.0 if it never did.
        skew_seen_s: How far Tencent's clock is ahead by its last answer; None before the first.
    """

    def __init__(
        self,
        http: Http,
        credentials: Credentials,
        base_url: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Create the client.

        Args:
            http: Makes the requests, within the application's limit per minute.
            credentials: The ids and keys of the application.
            base_url: The address of the API; a path in it is signed as it is sent.
            clock: Returns Unix seconds.
        """
        self.clock_skew_s = 0.0
        self.skew_seen_s: float | None = None
        self._http = http
        self.credentials = credentials
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._correcting = threading.Lock()

    def get(self, path: str, query: Query, kind: type[Row], limit: RateLimit | None = None) -> Row:
        """Make one call and return its answer.

        Args:
            path: The path of the endpoint, percent-encoded.
            query: The parameters.
            kind: The class of the answer, from `api_types`.
            limit: The rate limit of this endpoint alone, or None.

        Raises:
            FatalError: No call can work ("wrong_credentials", "bad_signature", "clock_skew",
                "daily_limit" …).
            SkipRecord: What was asked for does not exist or is not permitted.
            RecordError: Tencent does not understand the call ("bad_request").
            RetryableError: The recording is not ready ("not_finished"), or the answer cannot be
                used ("bad_answer"); the message names endpoint and field.
            MeetingError: The request failed; see `Http.call`.
        """
        call = _Call(path, limit)
        return self._http.call(
            f"GET {path}",
            partial(self._prepare, path, query),
            partial(self._parse_response, call, kind),
            rates=[limit] if limit else [],
        )

    def now(self) -> datetime:
        """Return the time (aware UTC) by Tencent's last answer, or else by this machine."""
        return datetime.fromtimestamp(self._clock() + (self.skew_seen_s or 0.0), UTC)

    def close(self) -> None:
        """See `Http.close`."""
        self._http.close()

    def with_short_timeouts(self) -> "TencentClient":
        """Return a client for a person who waits for the answer; see `Http.with_short_timeouts`."""
        twin = copy(self)
        twin._http = self._http.with_short_timeouts()
        return twin

    def _prepare(self, path: str, query: Query) -> PreparedRequest:
        url = f"{self._base_url}{path}?{urlencode(query, quote_via=quote)}"
        headers = {"Accept": "application/json", "User-Agent": "meeting-pipeline"}
        request = Request("GET", url, headers=headers).prepare()
        return sign(request, self.credentials, int(self._clock() + self.clock_skew_s))

    def _parse_response(self, call: _Call, kind: type[Row], answer: Answer) -> Row:
        skew_s = self._skew(answer)
        self.skew_seen_s = self.skew_seen_s if skew_s is None else skew_s
        body = _json_in(answer)
        if refusal := refusal_in(answer, body):
            raise self._refused(call, answer, refusal)
        refuse_failures(answer)
        if not answer.is_success:
            raise answer.bad("is not an answer of this API, check TQM_BASE_URL")
        try:
            return read(kind, body)
        except BadField as bad:
            raise answer.bad(f"cannot be used: {bad}") from None

    def _refused(self, call: _Call, answer: Answer, refusal: Refusal) -> Exception:
        if refusal.code == CLOCK_SKEW:
            return self._clock_refused(call, answer, refusal)
        error = meaning(refusal, call.limit)
        if isinstance(error, FatalError) and error.code == "wrong_credentials":
            ids = self.credentials
            error.hint = swapped_hint(ids.enterprise_id, ids.application_id) or error.hint
        return error

    def _clock_refused(self, call: _Call, answer: Answer, refusal: Refusal) -> Exception:
        """Correct our clock by the server's and try once more; a second refusal is fatal."""
        hint = "set this machine's clock (NTP); Tencent allows five minutes"
        if call.clock_was_wrong:
            return FatalError("clock_skew", refusal.message, hint=hint)
        call.clock_was_wrong = True
        self._correct_clock(answer)
        return RetryLater(
            RetryableError("clock_skew", refusal.message, hint=hint, retry_after_s=0.0)
        )

    def _skew(self, answer: Answer) -> float | None:
        server_time = http_date(answer.headers.get("Date", ""))
        return server_time.timestamp() - self._clock() if server_time else None

    def _correct_clock(self, answer: Answer) -> None:
        skew_s = self._skew(answer)
        if skew_s is None:
            return
        with self._correcting:
            self.clock_skew_s = skew_s
        _log.warning(
            "this machine's clock differs from Tencent's by %.0f s; signing with Tencent's time; "
            "set the clock (NTP)",
            self.clock_skew_s,
        )


def _json_in(answer: Answer) -> Any:
    """Return the JSON of an answer; an answer that is not JSON is judged by its status."""
    try:
        return answer.json()
    except RetryLater:
        refuse_failures(answer)
        raise
