"""The construction of a TencentSource from settings."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from meeting_pipeline.adapters.http.client import Http, Timeouts
from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.adapters.sources.tencent.addresses import Addresses
from meeting_pipeline.adapters.sources.tencent.client import TencentClient
from meeting_pipeline.adapters.sources.tencent.listing import RecordList
from meeting_pipeline.adapters.sources.tencent.people import People
from meeting_pipeline.adapters.sources.tencent.signing import Credentials
from meeting_pipeline.adapters.sources.tencent.source import TencentSource
from meeting_pipeline.errors import ConfigError
from meeting_pipeline.ports.gate import OPEN, Gate

_LINK_LIFETIME_S = 5 * 3600.0  # six hours are documented
_ARRIVAL_S = 15.0  # answers take far less, so being careful costs nothing
_TIMEOUTS = Timeouts(connect_s=5, read_s=30, total_s=60)


def credentials(
    secret_id: str, secret_key: str, enterprise_id: str, app_id: str, sdk_id: str
) -> Credentials:
    """Return the credentials of an application.

    Tencent's documentation calls the enterprise "AppId" and the application "SdkId". So people set
    either ENTERPRISE_ID and APP_ID (or SDK_ID), or APP_ID and SDK_ID.

    Args:
        secret_id: TQM_SECRET_ID.
        secret_key: TQM_SECRET_KEY.
        enterprise_id: ENTERPRISE_ID, or "".
        app_id: APP_ID, or "".
        sdk_id: SDK_ID, or "".

    Raises:
        ConfigError: A setting is missing ("not_configured").
    """
    needed = {
        "TQM_SECRET_ID": secret_id,
        "TQM_SECRET_KEY": secret_key,
        "ENTERPRISE_ID": enterprise_id or app_id,
    }
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise ConfigError(
            "not_configured",
            f"settings of Tencent Meeting are missing: {', '.join(missing)}",
            hint="copy them from the application's page in the Tencent Meeting console into .env",
        )
    if enterprise_id:
        return Credentials(secret_id, secret_key, enterprise_id, sdk_id or app_id)
    return Credentials(secret_id, secret_key, app_id, sdk_id)


def connect(
    ids: Credentials,
    *,
    base_url: str,
    scope: str,
    operators: Sequence[str],
    operator_type: int,
    per_minute: int,
    corp_per_minute: int,
    history: Path,
    stop: threading.Event,
    now: Callable[[], datetime],
    records: bool = True,
    gate: Gate = OPEN,
    clock: Callable[[], float] = time.monotonic,
) -> TencentSource:
    """Return the source for one application.

    Args:
        ids: The credentials of the application.
        base_url: The address of the API.
        scope: "corp" (all recordings of the enterprise, seen by one administrator) or "user" (what
            each operator recorded).
        operators: The ids of the users on whose behalf Tencent is called.
        operator_type: The kind of these ids.
        per_minute: Calls per minute of the application.
        corp_per_minute: Calls per minute of the enterprise list.
        history: The folder that stores past calls for the rate limits, between runs.
        stop: Ends every wait when it is set.
        now: Returns the current time, aware.
        records: Whether later runs count these calls.
        gate: Limits the calls at once.
        clock: Returns seconds, the same for all processes on this machine.

    Raises:
        ConfigError: There is no operator ("no_operator"), or more than one for the enterprise list
            ("several_operators").
    """
    _check_operators(scope, operators)
    rates = [_limit(per_minute, history / "tencent-rate.jsonl", records, stop, clock)]
    http = Http(
        "Tencent Meeting", stop=stop, rates=rates, timeouts=_TIMEOUTS, gate=gate, clock=clock
    )
    client = TencentClient(http, ids, base_url, lambda: now().timestamp())
    path, limit = "/v1/records", None
    if scope == "corp":
        path, file = "/v1/corp/records", history / "tencent-corp-rate.jsonl"
        limit = _limit(corp_per_minute, file, records, stop, clock)
    lists = [RecordList(client, path, one, operator_type, limit) for one in operators]
    addresses = Addresses(client, _LINK_LIFETIME_S, clock)
    return TencentSource(lists, addresses, People(client, client.now))


def _limit(
    per_minute: int,
    history: Path,
    records: bool,
    stop: threading.Event,
    clock: Callable[[], float],
) -> RateLimit:
    return RateLimit(
        per_minute,
        history=history,
        records=records,
        stop=stop,
        arrival_s=_ARRIVAL_S,
        clock=clock,
    )


def _check_operators(scope: str, operators: Sequence[str]) -> None:
    if not operators:
        raise ConfigError(
            "no_operator",
            "TQM_OPERATOR_ID is not set; Tencent Meeting requires a user for whom it is called",
            hint="set TQM_OPERATOR_ID to the user id of an administrator",
        )
    if scope == "corp" and len(operators) > 1:
        raise ConfigError(
            "several_operators",
            "TQM_OPERATOR_ID names several operators, but the enterprise list takes one",
            hint='name one administrator, or set TQM_RECORD_SCOPE to "user"',
        )
