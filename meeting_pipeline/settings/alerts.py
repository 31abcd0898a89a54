"""What an alert about a night needs of the settings, also where they cannot be read as a whole."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from meeting_pipeline.settings import readers
from meeting_pipeline.settings.config import secret_names
from meeting_pipeline.settings.env_file import salvage_env_file

_ADDRESS = re.compile(r"\w+://[^\s,\"'\[\]]+")


@dataclass(frozen=True)
class AlertSettings:
    """What an alert needs.

    Attributes:
        urls: The addresses that it is sent to.
        heartbeat_url: The address of the dead-man's switch, or "".
        secrets: What it must not contain.
    """

    urls: tuple[str, ...]
    heartbeat_url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


def alert_settings(env_file: Path = Path(".env")) -> AlertSettings:
    """Return what an alert needs, also where the settings as a whole cannot be read.

    A file that cannot be read has no addresses. An `.env` that others can read is read here, though
    no run takes its keys: no key is used, the alert holds no secret, and the keys are no less
    public if it stays unsent, while every night that is refused because of it would fail unheard.

    Args:
        env_file: The file `.env`; values in the environment win over those in it.
    """
    written = salvage_env_file(env_file)
    values = {name: os.environ.get(name, written.get(name, "")) for name in secret_names()}
    urls = _addresses(values["NOTIFY_URLS"])
    heartbeat_url = _web_address(values["HEARTBEAT_URL"])
    return AlertSettings(urls, heartbeat_url, (*filter(None, values.values()), *urls))


def _web_address(value: str) -> str:
    try:
        return readers.web_address(value)
    except ValueError:  # nothing can be told there; the settings name it
        return ""


def _addresses(value: str) -> tuple[str, ...]:
    try:
        return readers.names(value)
    except ValueError:  # the alert may be about this very value, and goes to the addresses in it
        return tuple(_ADDRESS.findall(value))
