"""HTTP sessions for media hosts, which connect to checked addresses only and are reused."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.utils import select_proxy
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.adapters.http.attempts import Attempt
from meeting_pipeline.adapters.http.connections import BreakableAdapter, current_attempt


class MediaSession(requests.Session):
    """Session that keeps its connections, and sends no cookie, .netrc or header of any API.

    Args:
        hosts: The hosts that may be connected to.

    Attributes:
        is_kept: Whether it was used before, so that the host may have closed the connection.
    """

    is_kept = False

    def __init__(self, hosts: AllowedHosts) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._adapter = _CheckedAdapter(hosts)
        for scheme in ("http://", "https://"):
            self.mount(scheme, self._adapter)

    def attempt(self) -> AbstractContextManager[Attempt]:
        """Return the attempt that covers all sending and reading until its block ends."""
        return self._adapter.attempt()

    def break_off(self) -> None:
        """Make every wait for an answer or for bytes fail at once."""
        self._adapter.break_off()


class MediaSessions:
    """Pool of sessions, each used by one thread at a time.

    Args:
        hosts: The hosts that may be connected to.
    """

    def __init__(self, hosts: AllowedHosts) -> None:
        self._hosts = hosts
        self._idle: list[MediaSession] = []
        self._closed = False

    @contextmanager
    def lent(self) -> Iterator[MediaSession]:
        """Lend a session for one request; after an exception it is closed."""
        try:
            session = self._idle.pop()  # the one used last: its connection is likely still open
        except IndexError:
            session = MediaSession(self._hosts)
        try:
            yield session
        except BaseException:
            session.close()
            raise
        session.is_kept = True
        self._idle.append(session)
        if self._closed:
            self.close()

    def close(self) -> None:
        """Close the sessions that are not lent, and the others when they are returned."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()


class _CheckedAdapter(BreakableAdapter):
    """Adapter that connects to the addresses that were checked, not to the name.

    Every request resolves and checks its host, and a kept connection is reused only for the same
    address, so that no request uses a connection to an address that is not allowed now. Each
    address has to answer within the read timeout, however slowly its answer trickles in.
    """

    def __init__(self, hosts: AllowedHosts) -> None:
        self._hosts = hosts
        self._address = ""
        super().__init__(pool_connections=2, pool_maxsize=1)

    def send(self, request: Any, *args: Any, **how: Any) -> requests.Response:
        addresses = [""] if select_proxy(request.url, how["proxies"]) else self._addresses(request)
        for self._address in addresses[:-1]:
            try:
                return self._sent(request, *args, **how)
            except requests.ConnectionError as error:
                if not never_connected(error):
                    raise
        self._address = addresses[-1]
        return self._sent(request, *args, **how)

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> Any:
        where, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        if not self._address:
            return where, tls
        name = {"server_hostname": where["host"], "assert_hostname": where["host"]}
        secure = where["scheme"] == "https"
        return {**where, "host": self._address}, {**tls, **name} if secure else tls

    def _sent(self, request: Any, *args: Any, **how: Any) -> requests.Response:
        _, patience_s = how["timeout"]
        with current_attempt().within(patience_s):
            return super().send(request, *args, **how)

    def _addresses(self, request: Any) -> Sequence[str]:
        parts = urlsplit(request.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return self._hosts.addresses(parts.hostname or "", port)


def never_connected(error: requests.ConnectionError) -> bool:
    """Return whether there was no connection; otherwise the request may have been received."""
    return isinstance(inner_reason(error), NewConnectionError | ConnectTimeoutError)


def inner_reason(error: Exception) -> object:
    """Return the reason for which urllib3 gave up, as requests wraps it."""
    return getattr(error.args[0], "reason", None) if error.args else None
