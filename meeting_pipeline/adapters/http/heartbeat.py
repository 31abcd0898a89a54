"""A dead-man's switch: a service that raises the alarm when it hears of no night in time."""

import threading
from functools import partial
from urllib.parse import urlsplit, urlunsplit

import requests

from meeting_pipeline.adapters.http.answer import Answer
from meeting_pipeline.adapters.http.client import Http
from meeting_pipeline.domain.enums import Beat
from meeting_pipeline.errors import ConfigError, RetryableError

_NAME = "HEARTBEAT_URL"
_NOT_THERE = (requests.codes.not_found, requests.codes.gone, requests.codes.not_allowed)
_UNKNOWN = b"not found"  # healthchecks.io answers 200 for a check that it does not have


class Heartbeat:
    """A dead-man's switch at one address.

    It is called by our HTTP client as every other service is: certificates are verified, and
    redirects, which could lead elsewhere, are not followed.

    Args:
        url: Its address, to which `Beat` is appended. It is a secret and is in no message.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        # a night does not wait for it: two attempts at most
        self._http = Http(_NAME, stop=self._stop).with_short_timeouts()

    def tell(self, beat: Beat, text: str = "") -> None:
        """Tell the switch what has happened.

        Args:
            beat: What has happened.
            text: Lines that its page shows, without names and secrets.

        Raises:
            ConfigError: "heartbeat_unknown": the service does not know the address;
                "heartbeat_no_log": it may also be that the service has no `Beat.LOG`; or the
                address is not valid.
            RetryableError: "heartbeat_refused", or "network".
            FatalError: "tls".
            Stopped: `close` was called.
        """
        what = f"{_NAME} /{beat}" if beat else _NAME
        self._http.call(what, lambda: self._request(beat, text), partial(_check_accepted, beat))

    def close(self) -> None:
        """Break off what is being told: a late start would come after the end."""
        self._stop.set()
        self._http.close()

    def _request(self, beat: Beat, text: str) -> requests.PreparedRequest:
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        url = address_of(self._url, beat)
        return requests.Request("POST", url, headers=headers, data=text.encode()).prepare()


def address_of(url: str, beat: Beat) -> str:
    """Return the address at which a switch is told something; a query stays at its end."""
    parts = urlsplit(url)
    path = f"{parts.path.rstrip('/')}/{beat}" if beat else parts.path
    return urlunsplit(parts._replace(path=path))


def _check_accepted(beat: Beat, answer: Answer) -> None:
    is_unknown = answer.status in _NOT_THERE
    if is_unknown and beat is Beat.LOG:
        raise ConfigError(
            "heartbeat_no_log",
            f"{answer.what}: HTTP {answer.status}: 服务没有 /log，或不认识这个地址 the service "
            "has no /log, or does not know this address",
            hint="下次运行后到监控页面确认 look at its page after the next run",
        )
    if is_unknown or (answer.is_success and _UNKNOWN in answer.body.lower()):
        raise ConfigError(
            "heartbeat_unknown",
            f"{answer.what}: 服务不认识这个地址 the service does not know this address",
            hint=f"从监控服务的页面重新复制 copy {_NAME} again from the page of the service",
        )
    if not answer.is_success:
        message = f"{answer.what}: HTTP {answer.status}"
        hint = f"检查 check {_NAME}：{_where(answer)}"
        raise RetryableError("heartbeat_refused", message, hint=hint)


def _where(answer: Answer) -> str:
    if "Location" in answer.headers:
        return "不跟随重定向，请填最终地址 redirects are not followed, set the address they lead to"
    return "服务是否正常 and whether the service is well"
