"""GET requests for media: every hop checked, every refusal turned into one of our errors."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from ssl import SSLCertVerificationError
from threading import Event, RLock
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import certifi
import requests
from requests.utils import get_environ_proxies, select_proxy
from tenacity import Retrying, retry_if_exception, stop_after_attempt
from tenacity.nap import sleep_using_event
from tenacity.wait import wait_random_exponential
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError
from urllib3.util.ssl_match_hostname import CertificateError

from meeting_pipeline.adapters.connections import BreakableAdapter
from meeting_pipeline.adapters.media.answers import Answer
from meeting_pipeline.adapters.media.hosts import AllowedHosts
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
    """A session of its own for each request: no cookies, no .netrc, no header of any API.

    Proxies and certificates of the environment are used. Without a proxy the connection goes to
    an address that was checked; a proxy looks the name up itself, so it is checked by name only.
    stall_s: seconds without (or with hardly) any byte after which a connection is given up.
    first_wait_s: the longest wait before the second try; it doubles with every further one.
    """

    def __init__(self, hosts: AllowedHosts, stall_s: float, first_wait_s: float) -> None:
        self._hosts = hosts
        self._stall_s = stall_s
        self._wait = wait_random_exponential(multiplier=first_wait_s, max=_LONGEST_WAIT_S)
        self._open: set[BreakableAdapter] = set()
        self._lock = RLock()  # a signal handler may call `close` at any point
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
        with requests.Session() as session, self._translated(), self._watched() as adapter:
            session.trust_env = False
            for scheme in ("http://", "https://"):
                session.mount(scheme, adapter)
            with self._followed(session, url, headers) as response:
                yield Answer.of(response, self._stall_s)
                self.check_open()  # `close` looks like the end of a body without a length

    def patiently(self, attempt: Callable[[], Result]) -> Result:
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
            for adapter in list(self._open):
                adapter.break_off()

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
    def _watched(self) -> Iterator[BreakableAdapter]:
        adapter = _CheckedAdapter(self._hosts)
        with self._lock:
            self._open.add(adapter)
        try:
            self.check_open()
            yield adapter
        finally:
            with self._lock:
                self._open.discard(adapter)

    @contextmanager
    def _translated(self) -> Iterator[None]:
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
            reason = type(error).__name__
            raise RetryableError("connection_lost", f"the media host: {reason}") from None


class _CheckedAdapter(BreakableAdapter):
    """Connects to addresses that were checked, not to what the name means a moment later."""

    def __init__(self, hosts: AllowedHosts) -> None:
        self._hosts = hosts
        self._address = ""
        super().__init__(pool_connections=2, pool_maxsize=1)

    def send(self, request: Any, *args: Any, **how: Any) -> requests.Response:
        addresses = [""] if select_proxy(request.url, how["proxies"]) else self._addresses(request)
        for self._address in addresses[:-1]:
            try:
                return super().send(request, *args, **how)
            except requests.ConnectionError as error:
                if not _never_connected(error):
                    raise
        self._address = addresses[-1]
        return super().send(request, *args, **how)

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> Any:
        where, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        if not self._address:
            return where, tls
        name = {"server_hostname": where["host"], "assert_hostname": where["host"]}
        secure = where["scheme"] == "https"
        return {**where, "host": self._address}, {**tls, **name} if secure else tls

    def _addresses(self, request: Any) -> Sequence[str]:
        parts = urlsplit(request.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return self._hosts.addresses(parts.hostname or "", port)


def _never_connected(error: requests.ConnectionError) -> bool:
    return isinstance(_reason(error), NewConnectionError | ConnectTimeoutError)


def _is_untrusted(error: Exception) -> bool:
    """Whether it is the certificate; a connection that breaks while it is agreed on is not."""
    reason = _reason(error)
    cause = reason.args[0] if isinstance(reason, SSLError) and reason.args else None
    return isinstance(cause, SSLCertVerificationError | CertificateError)


def _reason(error: Exception) -> object:
    """What made urllib3 give up, inside what requests makes of that."""
    return getattr(error.args[0], "reason", None) if error.args else None


def _worth_another_try(trouble: BaseException) -> bool:
    return (
        isinstance(trouble, RetryableError)
        and not isinstance(trouble, LinkExpired)
        and trouble.retry_after_s is None
    )
