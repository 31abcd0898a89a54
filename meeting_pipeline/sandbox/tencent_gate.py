"""The checks before every endpoint, in order: headers, ids, clock, signature, replay, rate."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from .limits import Limits, SlidingWindow
from .signature import same, signature
from .tencent_errors import ApiError
from .wire import Request

MAX_SKEW_S = 300
REQUIRED = (
    "Content-Type",
    "X-TC-Key",
    "X-TC-Timestamp",
    "X-TC-Nonce",
    "X-TC-Signature",
    "AppId",
    "X-TC-Registered",
)
CREDENTIAL_HEADERS = ("appid", "sdkid", "authorization", "sts-token", "accesstoken", "openid")


@dataclass(frozen=True)
class Credentials:
    """One self-built application of one enterprise."""

    secret_id: str
    secret_key: str
    enterprise_id: str
    app_id: str


EXAMPLE = Credentials(
    "AKIDsandbox0000000000000000000EXAMPLE",
    "sandboxSecretKey0000000000EXAMPLE",
    enterprise_id="200000001",
    app_id="12345678901",
)


class Gate:
    """Lets a request through or raises ApiError."""

    def __init__(self, credentials: Credentials, limits: Limits, now: Callable[[], float]) -> None:
        self._credentials, self._now = credentials, now
        self._minute = SlidingWindow(limits.per_minute, limits.window_s, now)
        self._corp_minute = SlidingWindow(limits.corp_per_minute, limits.window_s, now)
        self._seen: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def check(self, request: Request, endpoint: str) -> None:
        """Raise ApiError for the first rule that the request breaks."""
        _check_headers(request)
        self._check_ids(request)
        self._check_clock(request)
        self._check_signature(request)
        self._check_replay(request)
        if self._minute.spend():
            raise ApiError(190310)
        if endpoint == "corp_records" and self._corp_minute.spend():
            raise ApiError(190313)

    def _check_ids(self, request: Request) -> None:
        ours = self._credentials
        if request.header("X-TC-Key") != ours.secret_id:
            raise ApiError(190303, "secret_id")
        if request.header("AppId") != ours.enterprise_id:
            raise ApiError(190303, "app_id_header")
        if request.header("SdkId") != ours.app_id:
            raise ApiError(190303, "sdk_id_header")

    def _check_clock(self, request: Request) -> None:
        stamp = request.header("X-TC-Timestamp") or ""
        if not stamp.isdigit() or abs(self._now() - int(stamp)) > MAX_SKEW_S:
            raise ApiError(190300, "clock")

    def _check_signature(self, request: Request) -> None:
        wanted = signature(
            self._credentials.secret_key,
            secret_id=self._credentials.secret_id,
            nonce=request.header("X-TC-Nonce") or "",
            timestamp=request.header("X-TC-Timestamp") or "",
            method=request.method,
            uri=request.target,
            body=request.body,
        )
        if not same(wanted, request.header("X-TC-Signature") or ""):
            raise ApiError(200003, "signature")

    def _check_replay(self, request: Request) -> None:
        key = (request.header("X-TC-Timestamp") or "", request.header("X-TC-Nonce") or "")
        now = self._now()
        with self._lock:
            self._seen = {old: at for old, at in self._seen.items() if now - at < MAX_SKEW_S}
            if key in self._seen:
                raise ApiError(190301, "replay")
            self._seen[key] = now


def _check_headers(request: Request) -> None:
    for name in REQUIRED:
        if not request.header(name):
            rule = "header_spelling" if request.loosely(name) else "header_missing"
            raise ApiError(200001, rule, name)
    if not (request.header("Content-Type") or "").startswith("application/json"):
        raise ApiError(200001, "header_value", "Content-Type")
    nonce = request.header("X-TC-Nonce") or ""
    if not nonce.isdigit() or int(nonce) == 0:
        raise ApiError(200001, "nonce", "X-TC-Nonce")


def credential_headers(request: Request) -> list[str]:
    """Return the names of headers that must never reach a media or AI host."""
    names = [name for name, _ in request.headers]
    return [
        name
        for name in names
        if name.lower().startswith("x-tc-") or name.lower() in CREDENTIAL_HEADERS
    ]
