"""Readers of values: each turns the text of a setting into its value, or raises."""

import json
from collections.abc import Callable, Sequence
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from meeting_pipeline.domain import durations
from meeting_pipeline.domain.language_codes import language_code

Reader = Callable[[str], Any]
_KIMI = ("api.moonshot.cn", "api.moonshot.ai")
_WEB_CHAT = ("kimi.moonshot.cn", "kimi.com", "www.kimi.com")


class WrongAddress(ValueError):
    """An address of something else, for which the right one is known.

    Attributes:
        message: What it is the address of.
        instead: The right address.
    """

    def __init__(self, message: str, instead: str) -> None:
        super().__init__(message)
        self.message = message
        self.instead = instead


REFUSALS = (ValueError, LookupError, TypeError, RuntimeError, OSError)
"""What a reader raises for text that it does not accept."""


def text(value: str) -> str:
    """Read text without the spaces around it."""
    return value.strip()


def name_or_path(value: str) -> str:
    """Read the name of a program or a model, or a path, which ./ may begin."""
    return value.strip()


def number(value: str) -> float:
    """Read a finite number that is not negative."""
    found = float(value)
    if not (isfinite(found) and found >= 0):
        raise ValueError(value)
    return found


def optional_number(value: str) -> float | None:
    """Read a number, or None for nothing."""
    return number(value) if value.strip() else None


def positive(value: str) -> int:
    """Read a whole number from 1."""
    found = int(value)
    if found < 1:
        raise ValueError(value)
    return found


def optional_whole(value: str) -> int | None:
    """Read a whole number from 1, or None for nothing."""
    return positive(value) if value.strip() else None


def duration(value: str) -> float | None:
    """Read a duration in seconds, or None for nothing."""
    return durations.parse_duration(value) if value.strip() else None


def switch(value: str) -> bool:
    """Read whether something is on."""
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    return (words | {"": False})[value.strip().lower()]


def jobs(value: str) -> int | None:
    """Read how many recordings are in flight, or None for "auto"."""
    return None if value.strip().lower() in ("", "auto") else positive(value)


def language(value: str) -> str:
    """Read a language, in any spelling of its code, or "auto"."""
    return "auto" if value.strip().lower() == "auto" else language_code(value)


def zone(value: str) -> ZoneInfo:
    """Read the name of a time zone."""
    return ZoneInfo(value.strip())


def path(value: str) -> Path:
    """Read a path, where ~ is the home of the user."""
    return Path(value.strip()).expanduser()


def optional_path(value: str) -> Path | None:
    """Read a path, or None for nothing."""
    return path(value) if value.strip() else None


def names(value: str) -> tuple[str, ...]:
    """Read a JSON list of strings, values between commas, or nothing."""
    value = value.strip()
    if not value.startswith("["):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    found = json.loads(value)
    if not all(isinstance(name, str) for name in found):
        raise ValueError(value)
    return tuple(name.strip() for name in found)


def web_address(value: str) -> str:
    """Read an address of http or https, or nothing."""
    address = value.strip()
    parts = urlsplit(address)
    if address and (parts.scheme not in ("https", "http") or not parts.hostname):
        raise ValueError(value)
    return address


def kimi_address(value: str) -> str:
    """Read the address of a language model.

    Older scripts have that of Kimi's web page, and people leave /v1 out: all calls would be 404.
    """
    address = web_address(value)
    parts = urlsplit(address)
    if parts.hostname in _WEB_CHAT:
        message = "是 Kimi 网页的地址，不是接口 is the address of Kimi's web page, not its API"
        raise WrongAddress(message, "https://api.moonshot.cn/v1")
    if parts.hostname in _KIMI and parts.path.rstrip("/") != "/v1":
        message = "末尾应为 /v1 should end with /v1"
        raise WrongAddress(message, f"https://{parts.hostname}/v1")
    return address


class OneOf:
    """A reader that accepts some words, in any case.

    Args:
        choices: Returns the words. It is called whenever a value is read.
    """

    def __init__(self, choices: Callable[[], Sequence[str]]) -> None:
        self._choices = choices

    def __call__(self, value: str) -> str:
        choice = value.strip().lower()
        if choice not in self._choices():
            raise ValueError(value)
        return choice

    @property
    def accepted(self) -> str:
        """The words, for messages."""
        return "one of " + ", ".join(choice or "(empty)" for choice in self._choices())


def one_of(*choices: str) -> OneOf:
    """Return a reader that accepts these words."""
    return OneOf(lambda: choices)


def accepted_by(reader: Reader) -> str:
    """Return what a reader accepts, for messages."""
    return reader.accepted if isinstance(reader, OneOf) else _ACCEPTED.get(reader, "text")


_ACCEPTED: dict[Reader, str] = {
    number: "a number from 0",
    optional_number: "a number from 0, or nothing",
    positive: "a whole number from 1",
    optional_whole: "a whole number from 1, or nothing",
    duration: f"{durations.ACCEPTED}, or nothing",
    switch: "1 or 0",
    jobs: "auto, or a whole number from 1",
    zone: "a time zone such as Asia/Shanghai",
    kimi_address: "an address such as https://api.moonshot.cn/v1",
    web_address: "an address such as https://api.example.com/v1",
    names: 'a JSON list such as ["li","wang"]',
}
