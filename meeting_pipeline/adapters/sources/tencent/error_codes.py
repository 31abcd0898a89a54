"""The error codes of Tencent and the errors they become (Tencent docs 43704, 63648, 105276).

Real answers carry a code in a short or a long form (4051, 108004051), with any HTTP status; the
last six digits are the code.
"""

import re
from dataclasses import dataclass
from typing import Any

from meeting_pipeline.adapters.http.answer import Answer, RetryLater
from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.errors import (
    FatalError,
    MeetingError,
    RecordError,
    RetryableError,
    SkipRecord,
)

CLOCK_SKEW = 190300
_CODE = re.compile(r"\d{1,12}", re.ASCII)
_SHORT = 1_000_000
_A_MINUTE_S = 60.0
_TRANSCODING_S = 1_800.0
_MESSAGE_CHARACTERS = 120

_FATAL = {
    190303: (
        "wrong_credentials",
        "set TQM_SECRET_ID, ENTERPRISE_ID (企业ID) and APP_ID (应用ID) of one application",
    ),
    200003: ("bad_signature", "copy TQM_SECRET_KEY again; it must belong to TQM_SECRET_ID"),
    200001: ("header_missing", "set ENTERPRISE_ID, and APP_ID or SDK_ID as the console shows them"),
    500014: (
        "operator_refused",
        "TQM_OPERATOR_ID must be an active account with the right to manage recordings",
    ),
    500063: (
        "api_not_granted",
        "give the application (APP_ID) the right to view and manage recordings in the console",
    ),
    500125: ("ip_not_allowed", "add this machine's address to the application's IP allow-list"),
    190311: ("daily_limit", "no calls to Tencent are left for this day; the next night continues"),
}
_SKIP = {
    9042: "no_permission",
    403: "no_permission",
    4049: "gone",
    4051: "gone",
    9003: "no_such_meeting",
    30002: "no_transcript",
}
_LATER = (4044, 30001, 30003)
_INTERNAL = (41, 28, 960000, 5108)
_REPLAY, _BAD_REQUEST = 190301, 190004
_APP_MINUTE, _ENDPOINT_MINUTE = 190310, 190313


@dataclass(frozen=True)
class Refusal:
    """An answer of Tencent that refuses a call.

    Attributes:
        what: The call.
        code: Tencent's error code in its short form.
        text: Tencent's message, made printable.
    """

    what: str
    code: int
    text: str

    @property
    def message(self) -> str:
        return f"{self.what}: Tencent refused the call with {self.code} ({self.text})"


def refusal_in(answer: Answer, body: Any) -> Refusal | None:
    """Return the refusal in an answer of any status, or None.

    Args:
        answer: The answer.
        body: Its decoded JSON.

    Raises:
        RetryLater: The answer has an `error_info` without a usable code.
    """
    if not isinstance(body, dict) or "error_info" not in body:
        return None
    info = body["error_info"]
    for name in ("error_code", "new_error_code"):
        code = info.get(name) if isinstance(info, dict) else None
        if isinstance(code, int | str) and _CODE.fullmatch(str(code)):
            return Refusal(answer.what, int(code) % _SHORT, _printable(info.get("message")))
    raise answer.bad("has no usable error_info.error_code")


def meaning(refusal: Refusal, limit: RateLimit | None) -> MeetingError | RetryLater:
    """Return the error that a refusal becomes, or a request for one more attempt.

    Args:
        refusal: The refusal.
        limit: The rate limit of the endpoint alone, or None.
    """
    return _one_more(refusal, limit) or _error(refusal)


def _one_more(refusal: Refusal, limit: RateLimit | None) -> RetryLater | None:
    code, message = refusal.code, refusal.message
    if code in (_APP_MINUTE, _ENDPOINT_MINUTE):
        error = RetryableError("rate_limited", message, retry_after_s=_A_MINUTE_S)
        return RetryLater(error, rate_limit=limit if code == _ENDPOINT_MINUTE else None)
    if code == _REPLAY:
        return RetryLater(RetryableError("replayed", message))
    if code in _INTERNAL:
        return RetryLater(RetryableError("service_failed", message), outage=True)
    return None


def _error(refusal: Refusal) -> MeetingError:
    code, message = refusal.code, refusal.message
    if code in _FATAL:
        return FatalError(_FATAL[code][0], message, hint=_FATAL[code][1])
    if code in _SKIP:
        return SkipRecord(_SKIP[code], message)
    if code in _LATER:
        return RetryableError(
            "not_finished", message, retry_after_s=_TRANSCODING_S, within_run=False
        )
    if code == _BAD_REQUEST:
        return RecordError("bad_request", message, hint="this is a bug of ours, please report it")
    return RetryableError("unknown_refusal", message, hint="look the code up in Tencent's docs")


def swapped_hint(enterprise_id: str, application_id: str) -> str:
    """Return a hint if the ids look swapped, else "".

    The id of an enterprise has 9 digits, the id of an application 11.

    Args:
        enterprise_id: The id of the enterprise.
        application_id: The id of the application, or "".
    """
    if len(enterprise_id) > len(application_id) > 0:
        return "ENTERPRISE_ID and APP_ID look swapped: 企业ID is the shorter one, 应用ID the longer"
    return ""


def _printable(message: object) -> str:
    given = str(message or "no reason")
    text = "".join(one if one.isprintable() else " " for one in given)
    return text[:_MESSAGE_CHARACTERS]
