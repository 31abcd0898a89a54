"""HTTP client for media hosts that checks every redirect and translates every error."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ssl import SSLCertVerificationError
from threading import Event, Lock
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import certifi
import requests
from requests.utils import get_environ_proxies, select_proxy
from tenacity import Retrying, retry_if_exception, stop_after_attempt
from tenacity.nap import sleep_using_event
from tenacity.wait import wait_random_exponential
from urllib3.exceptions import HTTPError, ReadTimeoutError, SSLError
from urllib3.util.ssl_match_hostname import CertificateError

from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.adapters.downloads.media_sessions import (
    MediaSession,
    MediaSessions,
    inner_reason,
    never_connected,
)
from meeting_pipeline.adapters.downloads.responses import Answer, stalled
from meeting_pipeline.adapters.http.attempts import Attempt
from meeting_pipeline.errors import FatalError, LinkExpired, RecordError, RetryableError, Stopped

Result = TypeVar("Result")

_CONNECT_S = 10.0
_REDIRECTS = 3
_TRIES = 5
_LONGEST_WAIT_S = 10.0
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "meeting-pipeline"}
_MOVED = (301, 302, 303, 307, 308)


def ca_bundle() -> str:
    """Return the file of certificates that servers are verified with."""
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    return next((os.environ[name] for name in names if os.environ.get(name)), certifi.where())


class MediaClient:
    """Client for GET requests to media hosts; each request has a session of its own.

    Proxies and certificates of the environment are used. Without a proxy, a connection is made to
    an address that was checked; a proxy resolves the name itself, so only the name is checked.

    Args:
        hosts: The hosts that links and redirects may lead to.
        stall_s: Seconds in which (almost) no byte of the file comes, after which a connection is
            given up, whatever else the host sends.
        first_wait_s: The longest wait in seconds before the first retry; it doubles for each
            further one.
    """

    def __init__(self, hosts: AllowedHosts, stall_s: float, first_wait_s: float) -> None:
        self._hosts = hosts
        self._sessions = MediaSessions(hosts)
        self._stall_s = stall_s
        self._wait = wait_random_exponential(multiplier=first_wait_s, max=_LONGEST_WAIT_S)
        self._open: set[MediaSession] = set()
        self._lock = Lock()
        self._closed = Event()

    def proxy_for(self, url: str) -> str | None:
        """Return the proxy of the environment for a link; private hosts are reached without."""
        if self._hosts.allow_private:
            return None
        return select_proxy(url, get_environ_proxies(url))

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """Request a link and follow at most three redirects; the body is read by the block.

        Args:
            url: The link.
            headers: Headers beside the usual ones.

        Yields:
            The answer.

        Raises:
            RecordError: "forbidden_host", "not_media" or "download_refused".
            LinkExpired: The host refuses the link.
            RetryableError: Anything that may work later.
            FatalError: "tls_failed".
            Stopped: After `close`.
        """
        with (
            self._sessions.lent() as session,
            self._watched(session),
            session.attempt() as attempt,
            self._translated(attempt),
            self._answered(session, attempt, url, headers) as response,
        ):
            yield Answer.of(response, attempt, self._stall_s)
            self.check_open()  # `close` looks like the end of a body without a length
            if attempt.is_late:  # and so does a deadline
                raise self._stalled()

    def with_retries(self, attempt: Callable[[], Result]) -> Result:
        """Make up to five attempts while they end in a RetryableError.

        An expired link and a delay that the host asks for (Retry-After) are left to the caller.
        """
        return Retrying(
            retry=retry_if_exception(_worth_another_try),
            wait=self._wait,
            stop=stop_after_attempt(_TRIES),
            sleep=sleep_using_event(self._closed),
            reraise=True,
        )(attempt)

    def check_open(self) -> None:
        """Raise Stopped after `close`."""
        if self._closed.is_set():
            raise Stopped("stopped", "the download was asked to end")

    def close(self) -> None:
        """Abort all requests, whether they wait for an answer or for bytes."""
        with self._lock:
            self._closed.set()
            for session in list(self._open):
                session.break_off()
            self._sessions.close()

    def _answered(
        self, session: MediaSession, attempt: Attempt, url: str, headers: Mapping[str, str]
    ) -> requests.Response:
        try:
            return self._followed(session, url, headers)
        except requests.ConnectionError as error:
            if not session.is_kept or never_connected(error) or attempt.is_late:
                raise
            self.check_open()
            session.close()  # the host closed the kept connection just before; that is normal
            return self._followed(session, url, headers)

    def _followed(
        self, session: requests.Session, url: str, headers: Mapping[str, str]
    ) -> requests.Response:
        for _ in range(1 + _REDIRECTS):
            self._hosts.check(url)
            response = self._sent(session, url, headers)
            if response.status_code not in _MOVED:
                return response
            response.close()
            url = urljoin(url, response.headers.get("Location", ""))
        raise RecordError("forbidden_host", f"more than {_REDIRECTS} redirects are not followed")

    def _sent(
        self, session: requests.Session, url: str, headers: Mapping[str, str]
    ) -> requests.Response:
        parts, proxy = urlsplit(url), self.proxy_for(url)
        return session.get(
            url,
            headers={**_HEADERS, **headers, "Host": parts.netloc},
            stream=True,
            allow_redirects=False,
            timeout=(_CONNECT_S, self._stall_s),
            verify=ca_bundle(),
            proxies={parts.scheme: proxy} if proxy else None,
        )

    @contextmanager
    def _watched(self, session: MediaSession) -> Iterator[None]:
        with self._lock:
            self._open.add(session)
        try:
            self.check_open()
            yield
        finally:
            with self._lock:
                self._open.discard(session)

    @contextmanager
    def _translated(self, attempt: Attempt) -> Iterator[None]:
        # "from None": messages of requests and urllib3 contain the link
        try:
            yield
        except (requests.RequestException, HTTPError) as error:
            if _is_untrusted(error):
                raise FatalError(
                    "tls_failed",
                    "the media host's certificate is not trusted",
                    hint="behind a company proxy set REQUESTS_CA_BUNDLE to its certificates",
                ) from None
            self.check_open()
            if attempt.is_late or isinstance(error, requests.ReadTimeout | ReadTimeoutError):
                raise self._stalled() from None
            reason = type(error).__name__
            message = f"the connection to the media host failed ({reason})"
            raise RetryableError("connection_lost", message) from None

    def _stalled(self) -> RetryableError:
        return stalled("nothing", self._stall_s)


def _is_untrusted(error: Exception) -> bool:
    """Return whether the certificate was rejected; a broken TLS handshake is not that."""
    reason = inner_reason(error)
    cause = reason.args[0] if isinstance(reason, SSLError) and reason.args else None
    return isinstance(cause, SSLCertVerificationError | CertificateError)


def _worth_another_try(trouble: BaseException) -> bool:
    return (
        isinstance(trouble, RetryableError)
        and not isinstance(trouble, LinkExpired)
        and trouble.retry_after_s is None
    )
