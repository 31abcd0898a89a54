"""Whether the hosts of NOTIFY_URLS can be reached, without a notice being sent."""

import socket
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from meeting_pipeline.reporting import notice

_WITHIN_S = 3.0
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class _Server:
    """Where the notices of an address go.

    Attributes:
        scheme: "http" or "https".
        host: A name or an IP address.
        port: Its port.
        verifies: Whether its certificate is verified.
    """

    scheme: str
    host: str
    port: int
    verifies: bool


def unreachable(urls: Sequence[str]) -> list[str]:
    """Return a line for each address whose server takes no connection, without the address.

    Addresses that name no server, such as those of WeCom, and addresses that are used through a
    proxy are left out: only a notice proves them.

    Args:
        urls: Apprise addresses.
    """
    servers = [_server_of(url) for url in urls]
    with ThreadPool(max(1, len(servers))) as threads:
        problems = threads.map(_problem, servers)
    return [
        f"第 {number} 个 number {number}: {problem}"
        for number, problem in enumerate(problems, 1)
        if problem
    ]


def _server_of(url: str) -> _Server | None:
    """Return the server that an address names; None where it names none that speaks HTTP."""
    found = notice.parsed(url)
    if found is None:
        return None
    templates: Sequence[str] = found.templates
    # In other kinds of addresses the place of the host holds a token, which must not be looked up.
    if not all("{host}" in template for template in templates):
        return None
    if not hasattr(sys.modules[type(found).__module__], "requests"):
        return None  # it speaks another protocol; apprise has no better sign of it
    scheme = "https" if found.secure else "http"
    port = found.port or _PORTS[scheme]
    return _Server(scheme, found.host, port, bool(found.verify_certificate))


def _problem(server: _Server | None) -> str | None:
    """Return why no connection can be made; None where one was made or none can be tried."""
    if server is None:
        return None
    url = f"{server.scheme}://{server.host}:{server.port}"
    with requests.Session() as session:
        ways = session.merge_environment_settings(url, {}, False, server.verifies, None)
    if server.scheme in ways["proxies"] or "all" in ways["proxies"]:
        return None
    try:
        _connect(server, ways["verify"])
    except OSError as error:
        return _words(error)
    return None


def _words(error: OSError) -> str:
    known = {
        TimeoutError: f"{_WITHIN_S:.0f} 秒内没有应答 no answer in {_WITHIN_S:.0f} s",
        ConnectionRefusedError: "连接被拒绝 connection refused",
        socket.gaierror: "无法解析域名 the name of the host is unknown",
        ssl.SSLError: f"TLS 握手失败 TLS failed: {error.strerror}",
    }
    other = f"无法连接 no connection: {error.strerror or type(error).__name__}"
    return next((words for kind, words in known.items() if isinstance(error, kind)), other)


def _connect(server: _Server, verify: object) -> None:
    """Open a connection and close it; nothing is sent beyond the start of TLS."""
    with socket.create_connection((server.host, server.port), _WITHIN_S) as connection:
        if server.scheme == "https":
            with _context(verify).wrap_socket(connection, server_hostname=server.host):
                return


def _context(verify: object) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if verify is False:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    elif isinstance(verify, str):
        context.load_verify_locations(verify)
    else:
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context
