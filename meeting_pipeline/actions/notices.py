"""A notice to every address in NOTIFY_URLS, to see whether it arrives."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from meeting_pipeline.domain.display import json_text
from meeting_pipeline.errors import ConfigError
from meeting_pipeline.reporting import notice
from meeting_pipeline.reporting.notice import Delivery
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.storage import files
from meeting_pipeline.wiring.backends import utc_now

log = logging.getLogger(__name__)

_WITHIN_S = 30.0
_PROOF = "notices-tested.json"


@dataclass(frozen=True)
class LastTest:
    """How the last test notice ended.

    Attributes:
        at: When it was sent.
        problems: Why it was not accepted, a line for each address that refused it.
    """

    at: datetime
    problems: tuple[str, ...]


def send_test_notice(settings: Settings, place: str) -> list[Delivery]:
    """Send one notice to every address, and return what became of it at each.

    `meeting doctor` knows the result from then on.

    Args:
        settings: The installation.
        place: Its host and folder, for the notice.

    Raises:
        ConfigError: "no_notify_urls".
    """
    urls = settings.run.notify_urls
    if not urls:
        raise ConfigError(
            "no_notify_urls",
            "没有设置 NOTIFY_URLS is not set: 没有通知地址 there is no address to notify",
            hint="写入 .env，例如 set it in .env, as in NOTIFY_URLS=wecombot://KEY",
        )
    deliveries = notice.deliver(urls, notice.of_test(place), _WITHIN_S)
    _remember(settings, deliveries)
    return deliveries


def last_test(settings: Settings) -> LastTest | None:
    """Return how the last test notice to the addresses that are set now ended; None if never."""
    try:
        kept = json.loads(_proof(settings).read_bytes())
        if kept["addresses"] == _fingerprint(settings):
            problems = tuple(str(problem) for problem in kept.get("problems", ()))
            return LastTest(datetime.fromisoformat(kept["tested_at"]), problems)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass  # without a proof that can be read, nothing is proven
    return None


def _remember(settings: Settings, deliveries: Sequence[Delivery]) -> None:
    """Keep the result for `meeting doctor`, where there is a DATA_DIR; none is made for it."""
    if not settings.source.data_dir.is_dir():
        return
    kept = {
        "addresses": _fingerprint(settings),
        "tested_at": utc_now().isoformat(),
        "problems": notice.problem_lines(deliveries),
    }
    try:
        files.write_durably(_proof(settings), json_text(kept).encode())
    except OSError as error:
        log.warning("测试结果没有保存 the result is not kept for doctor: %s", error.strerror)


def _fingerprint(settings: Settings) -> str:
    return hashlib.sha256("\n".join(settings.run.notify_urls).encode()).hexdigest()


def _proof(settings: Settings) -> Path:
    return settings.source.data_dir / _PROOF
