"""A TencentSource that talks to a sandbox."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from meeting_pipeline.adapters.sources.tencent import connect
from meeting_pipeline.adapters.sources.tencent.source import TencentSource
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.clocks import FakeTime


def tencent_source(
    sandbox: Sandbox,
    history: Path,
    *,
    scope: str = "corp",
    operators: Sequence[str] = ("admin",),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    passing: FakeTime | None = None,
    ids: Mapping[str, str] = MappingProxyType({}),
) -> TencentSource:
    """As wiring would make it. ids: instead of the right ones.

    now: this machine's clock. passing: waits take no time, but its clock goes on.
    """
    ours = sandbox.credentials
    right = {
        "secret_id": ours.secret_id,
        "secret_key": ours.secret_key,
        "enterprise_id": ours.enterprise_id,
        "app_id": ours.app_id,
        "sdk_id": "",
    }
    return connect.connect(
        connect.credentials(**right | dict(ids)),
        base_url=sandbox.api_url,
        scope=scope,
        operators=operators,
        operator_type=1,
        per_minute=sandbox.limits.per_minute,
        corp_per_minute=sandbox.limits.corp_per_minute,
        history=history,
        stop=passing or threading.Event(),
        now=now,
        clock=passing.clock if passing else time.monotonic,
    )
