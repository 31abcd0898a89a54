"""Sessions for media hosts: connected to checked addresses only, and kept for the next request."""

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
    """Sends no cookie, no .netrc, no header of any API; its connections serve one host again.

    is_kept: whether it has been used before, so that a host may have hung up meanwhile.
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
        """Give an attempt that covers what is sent and read until the block ends."""
        return self._adapter.attempt()

    def break_off(self) -> None:
        """Whoever waits for an answer, or for bytes, fails at once."""
        self._adapter.break_off()


class MediaSessions:
    """Lends sessions to threads, each to one at a time; there are never more than were needed."""

    def __init__(self, hosts: AllowedHosts) -> None:
        self._hosts = hosts
        self._idle: list[MediaSession] = []
        self._closed = False

    @contextmanager
    def lent(self) -> Iterator[MediaSession]:
        """A session for one request; after an exception nobody gets it again."""
        try:
            session = self._idle.pop()  # the one that was used last: its connection is warm
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
        """Hang up wherever nobody talks."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()


class _CheckedAdapter(BreakableAdapter):
    """Connects to addresses that were checked, not to what the name means a moment later.

    Each address has to answer within the read timeout, however its answer trickles in.
    The address is part of what a kept connection is found by, and every request has its host looked
    up and checked anew: none goes through a connection to an address that is not allowed now.
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
    """Whether nobody was there; else the request may have been heard."""
    return isinstance(inner_reason(error), NewConnectionError | ConnectTimeoutError)


def inner_reason(error: Exception) -> object:
    """What made urllib3 give up, inside what requests makes of that."""
    return getattr(error.args[0], "reason", None) if error.args else None
