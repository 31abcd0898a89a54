"""Signed calls to the Tencent Meeting API, each answer read into its type."""

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

from meeting_pipeline.adapters.http.client import Answer, Http, TryAgain, http_date, refuse_failures
from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.adapters.sources.tencent.answers import BadField, read
from meeting_pipeline.adapters.sources.tencent.refusals import (
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
    """What one call remembers between its attempts."""

    path: str
    limit: RateLimit | None
    clock_was_wrong: bool = False


class TencentClient:
    """Calls one application's API; threads may share it.

    http: with the application's limit per minute. base_url: without a path, or with a prefix that
    is signed as it is sent. clock: Unix seconds. clock_skew_s: how far Tencent's clock is ahead of
    ours, as measured when it refused ours; 0.0 as long as it did not. skew_seen_s: the same by its
    last answer, None before one that is dated.
    """

    def __init__(
        self,
        http: Http,
        credentials: Credentials,
        base_url: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.clock_skew_s = 0.0
        self.skew_seen_s: float | None = None
        self._http = http
        self.credentials = credentials
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._correcting = threading.Lock()

    def get(self, path: str, query: Query, kind: type[Row], limit: RateLimit | None = None) -> Row:
        """One answer, read as a `kind` of `answers`; limit: of this endpoint alone.

        path: percent-encoded. Raises FatalError when no call can work ("wrong_credentials",
        "bad_signature", "clock_skew", "daily_limit" …), SkipRecord for what is gone or not
        permitted, RecordError("bad_request"), RetryableError("not_finished"), ("bad_answer") naming
        endpoint and field, and what `Http.call` raises.
        """
        call = _Call(path, limit)
        return self._http.call(
            f"GET {path}",
            partial(self._prepare, path, query),
            partial(self._judge, call, kind),
            rates=[limit] if limit else [],
        )

    def now(self) -> datetime:
        """Return the time (aware UTC) by Tencent's last answer; before one, by this machine."""
        return datetime.fromtimestamp(self._clock() + (self.skew_seen_s or 0.0), UTC)

    def close(self) -> None:
        """See `Http.close`."""
        self._http.close()

    def hasty(self) -> "TencentClient":
        """The same application for somebody who looks on; see `Http.hasty`."""
        twin = copy(self)
        twin._http = self._http.hasty()
        return twin

    def _prepare(self, path: str, query: Query) -> PreparedRequest:
        url = f"{self._base_url}{path}?{urlencode(query, quote_via=quote)}"
        headers = {"Accept": "application/json", "User-Agent": "meeting-pipeline"}
        request = Request("GET", url, headers=headers).prepare()
        return sign(request, self.credentials, int(self._clock() + self.clock_skew_s))

    def _judge(self, call: _Call, kind: type[Row], answer: Answer) -> Row:
        skew_s = self._skew(answer)
        self.skew_seen_s = self.skew_seen_s if skew_s is None else skew_s
        body = _json_in(answer)
        if refusal := refusal_in(answer, body):
            raise self._refused(call, answer, refusal)
        refuse_failures(answer)
        if not answer.is_success:
            raise answer.bad("is no answer of the API, check TQM_BASE_URL")
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
        """Set our clock by the server's and try once more; what is refused then is hopeless."""
        hint = "set this machine's clock (NTP); Tencent allows five minutes"
        if call.clock_was_wrong:
            return FatalError("clock_skew", refusal.message, hint=hint)
        call.clock_was_wrong = True
        self._correct_clock(answer)
        return TryAgain(RetryableError("clock_skew", refusal.message, hint=hint, retry_after_s=0.0))

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
            "this machine's clock differs from Tencent's by %.0f s; signing with Tencent's time. "
            "Set the clock (NTP)",
            self.clock_skew_s,
        )


def _json_in(answer: Answer) -> Any:
    """The JSON of an answer; what is none is judged by its status."""
    try:
        return answer.json()
    except TryAgain:
        refuse_failures(answer)
        raise
