"""GET requests for media: every hop checked, every refusal turned into one of our errors."""

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
    """The certificates that servers are verified with."""
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    return next((os.environ[name] for name in names if os.environ.get(name)), certifi.where())


class MediaClient:
    """Each request has a session to itself while it lasts (see `MediaSession`).

    Proxies and certificates of the environment are used. Without a proxy the connection goes to
    an address that was checked; a proxy looks the name up itself, so it is checked by name only.
    stall_s: seconds without (or with hardly) any byte of the file after which a connection is
    given up, be it that other bytes trickle in.
    first_wait_s: the longest wait before the second try; it doubles with every further one.
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
        """The proxy that the environment has for this link; private hosts need none."""
        if self._hosts.allow_private:
            return None
        return select_proxy(url, get_environ_proxies(url))

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """The answer at the end of at most three redirects, with its body still to be read.

        Raises RecordError("forbidden_host"), ("not_media"), ("download_refused"), LinkExpired,
        RetryableError, FatalError("tls_failed"), Stopped after `close`.
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

        A new link, and a wait that the host asked for, are the caller's matter.
        """
        return Retrying(
            retry=retry_if_exception(_worth_another_try),
            wait=self._wait,
            stop=stop_after_attempt(_TRIES),
            sleep=sleep_using_event(self._closed),
            reraise=True,
        )(attempt)

    def check_open(self) -> None:
        """Raises Stopped after `close`."""
        if self._closed.is_set():
            raise Stopped("stopped", "the download was asked to end")

    def close(self) -> None:
        """Wake everybody who waits, for an answer or for bytes."""
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
            session.close()  # the host hung up at the same moment: that is no trouble yet
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
        # "from None": what requests and urllib3 say contains the link
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
            raise RetryableError("connection_lost", f"the media host: {reason}") from None

    def _stalled(self) -> RetryableError:
        return stalled(f"nothing came for {self._stall_s:g} s")


def _is_untrusted(error: Exception) -> bool:
    """Whether it is the certificate; a connection that breaks while it is agreed on is not."""
    reason = inner_reason(error)
    cause = reason.args[0] if isinstance(reason, SSLError) and reason.args else None
    return isinstance(cause, SSLCertVerificationError | CertificateError)


def _worth_another_try(trouble: BaseException) -> bool:
    return (
        isinstance(trouble, RetryableError)
        and not isinstance(trouble, LinkExpired)
        and trouble.retry_after_s is None
    )
