"""A notice to every address in NOTIFY_URLS, to see whether it arrives."""

import hashlib
import json
import logging
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


def send_test_notice(settings: Settings, place: str) -> list[Delivery]:
    """Send one notice to every address, and return what became of it at each.

    Where all of them accept it, `meeting doctor` knows it from then on.

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
    _remember(settings, is_accepted=not any(one.problem for one in deliveries))
    return deliveries


def tested_at(settings: Settings) -> datetime | None:
    """Return when all addresses that are set now last accepted a test notice; None if never."""
    try:
        proof = json.loads(_proof(settings).read_bytes())
        if proof["addresses"] == _fingerprint(settings):
            return datetime.fromisoformat(proof["tested_at"])
    except (OSError, ValueError, LookupError, TypeError):
        pass  # without a proof that can be read, nothing is proven
    return None


def _remember(settings: Settings, *, is_accepted: bool) -> None:
    """Keep the result for `meeting doctor`, where there is a DATA_DIR; none is made for it."""
    if not settings.source.data_dir.is_dir():
        return
    proof = {"addresses": _fingerprint(settings), "tested_at": utc_now().isoformat()}
    try:
        _proof(settings).unlink(missing_ok=True)
        if is_accepted:
            files.write_durably(_proof(settings), json_text(proof).encode())
    except OSError as error:
        log.warning("测试结果没有保存 the result is not kept for doctor: %s", error.strerror)


def _fingerprint(settings: Settings) -> str:
    return hashlib.sha256("\n".join(settings.run.notify_urls).encode()).hexdigest()


def _proof(settings: Settings) -> Path:
    return settings.source.data_dir / _PROOF
