"""Errors of requests and urllib3 as our own: without headers, and without queries."""

import ssl
from collections.abc import Iterator

import requests
import urllib3

from meeting_pipeline.errors import ConfigError, FatalError, MeetingError, RetryableError

FOREIGN = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
    UnicodeError,
)
"""All that sending a request and reading its answer may raise."""

_BAD_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    urllib3.exceptions.LocationValueError,
)
_TIMEOUTS = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
_BROKEN_OFF = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError)
_NETWORK = (requests.RequestException, urllib3.exceptions.HTTPError)


def in_our_words(error: BaseException, what: str) -> MeetingError:
    """Return our error for one of FOREIGN.

    Args:
        error: What was raised.
        what: The call as messages name it.

    Returns:
        ConfigError "bad_address", "bad_header" or "no_certificates", FatalError "tls", or
        RetryableError "network".
    """
    causes = list(_causes(error))
    if _any(causes, _BAD_ADDRESS):
        return ConfigError(
            "bad_address",
            f"{what}: the address is not valid",
            hint="check the base address in .env",
        )
    if _any(causes, (requests.exceptions.InvalidHeader, UnicodeError)):
        return ConfigError(
            "bad_header",
            f"{what}: a credential has characters that cannot be sent",
            hint="copy ids and keys into .env again, without spaces or quotes around them",
        )
    if _any(causes, (ssl.SSLError, requests.exceptions.SSLError)) and not _any(causes, _BROKEN_OFF):
        return FatalError(
            "tls",
            f"{what}: the server's certificate is not accepted, or the server does not speak TLS",
            hint="check date, proxy and REQUESTS_CA_BUNDLE of this machine, and the address",
        )
    if not _any(causes, _NETWORK):
        return ConfigError(
            "no_certificates",
            f"{what}: the file of trusted certificates cannot be read",
            hint="set REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE to a file that exists",
        )
    return RetryableError(
        "network", f"{what}: {_reason(causes)}", hint="check network, DNS and proxy"
    )


def _reason(causes: list[BaseException]) -> str:
    if _any(causes, (urllib3.exceptions.NameResolutionError,)):
        return "the host name cannot be resolved"
    if _any(causes, (requests.exceptions.ProxyError,)):
        return "the proxy refuses the connection"
    if _any(causes, (ConnectionRefusedError,)):
        return "connection refused"
    if _any(causes, (requests.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError)):
        return "no connection in time"
    if _any(causes, _TIMEOUTS):
        return "no answer in time"
    return "the connection broke off"


def _any(causes: list[BaseException], kinds: tuple[type[BaseException], ...]) -> bool:
    return any(isinstance(cause, kinds) for cause in causes)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that caused it; libraries keep causes in four different places."""
    waiting, seen = [error], set[int]()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = (current.__cause__, current.__context__, getattr(current, "reason", None))
        waiting.extend(one for one in (*inner, *current.args) if isinstance(one, BaseException))
