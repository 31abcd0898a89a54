"""The meeting API: checks, routing, and answers changed by faults."""

import json
import re
from typing import Any

from .bench import Bench
from .faults import Fault, Kind, Strike, instead, spoil
from .parameters import Query
from .tencent_endpoints import ROUTES, Endpoint, Site
from .tencent_errors import ApiError, error_reply
from .tencent_gate import Gate
from .wire import Json, Reply, Request, bytes_reply, json_reply

RATE_CODES = (190310, 190311, 190313)


class TencentApi:
    """Answers requests to the meeting API."""

    def __init__(self, site: Site, gate: Gate, bench: Bench) -> None:
        self._site, self._gate, self._bench, self._ledger = site, gate, bench, bench.ledger

    def answer(self, request: Request) -> Reply:
        """Check the request, record it in the ledger, and answer it."""
        name, endpoint, argument = _route(request)
        self._ledger.call(name)
        if endpoint is None:
            self._ledger.violation("unknown_path", name, request.path)
            return bytes_reply(404, b"404 page not found", "text/plain")
        strike = self._bench.faults.strike(name, request.target)
        if reply := instead(strike):
            return reply
        try:
            self._gate.check(request, name)
            _forced(strike.get(Kind.ERROR_CODE))
            value = endpoint(self._site, Query(request.query), strike, argument)
        except ApiError as error:
            reply = self._refuse(name, error, strike)
        else:
            reply = _body(_bent(value, strike), strike)
            if "record_meetings" in value:
                self._site.company.page_served()
        return spoil(reply, strike, self._bench.pause)

    def _refuse(self, name: str, error: ApiError, strike: Strike) -> Reply:
        self._ledger.error(name, str(error.code))
        if error.code in RATE_CODES and Kind.ERROR_CODE not in strike:
            self._ledger.rate_refusal(name)
        if error.rule:
            self._ledger.violation(error.rule, name, error.detail)
        return error_reply(error, strike)


def _route(request: Request) -> tuple[str, Endpoint | None, str]:
    for name, pattern, endpoint in ROUTES:
        found = re.fullmatch(pattern, request.path)
        if found and request.method == "GET":
            return name, endpoint, "".join(found.groups())
    return "unknown", None, ""


def _forced(fault: Fault | None) -> None:
    if fault:
        raise ApiError(int(fault.amount))


def _bent(value: Json, strike: Strike) -> Json:
    """Return the answer changed by the faults."""
    if Kind.NO_TOTAL_PAGE in strike:
        value.pop("total_page", None)
    if fault := strike.get(Kind.WRONG_TOTAL_PAGE):
        value["total_page"] = int(fault.amount)
    if Kind.EXTRA_FIELDS in strike:
        value |= {"trace": {"未来的字段": [1, None]}}
    if Kind.NULL_FIELDS in strike:
        value = {key: _nulls(part) for key, part in value.items()}
    if Kind.WRONG_TYPES in strike:
        value = {key: "text" if isinstance(part, list) else [part] for key, part in value.items()}
    return value


def _nulls(part: Any) -> Any:
    return [dict.fromkeys(row) for row in part] if isinstance(part, list) else part


def _body(value: Json, strike: Strike) -> Reply:
    if not (fault := strike.get(Kind.HUGE_BODY)):
        return json_reply(200, value)
    content = json.dumps(value).encode()
    chunks = [b" " * 65_536] * (int(fault.amount) // 65_536)
    length = sum(map(len, chunks)) + len(content)
    return Reply(200, (*chunks, content), length, (("Content-Type", "application/json"),))
