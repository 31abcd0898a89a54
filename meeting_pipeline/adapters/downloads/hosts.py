"""Rules for the hosts that media may be downloaded from; links and redirects are not trusted."""

import logging
import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from meeting_pipeline.errors import RecordError, RetryableError

log = logging.getLogger(__name__)

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

_HTTPS_PORT = 443
_DEFAULT_PORTS = {"https": _HTTPS_PORT, "http": 80}
_NAT64 = ip_network("64:ff9b::/96")
_GLOBAL_V6 = ip_network("2000::/3")  # all that is assigned; the rest is local, or embeds addresses
_NOT_GLOBAL = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast and reserved
        "2001::/23",  # Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
"""The special-purpose registries of IANA: no host of a service has such an address."""
_PRIVATE = tuple(
    ip_network(network)
    for network in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)


def resolve(host: str, port: int) -> Sequence[str]:
    """Resolve a host by this machine's resolver.

    Args:
        host: Its name.
        port: The port to connect to.

    Returns:
        Its addresses, each once.

    Raises:
        OSError: The host cannot be resolved.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


class AllowedHosts:
    """Hosts that may be connected to: https, port 443, allowed names, public addresses.

    Args:
        suffixes: The allowed names; names below them are allowed as well.
        allow_private: Also allow plain http and any port of hosts on loopback and private
            networks, with a warning in the log; for tests and demos. Link-local addresses (cloud
            metadata) stay forbidden.
        resolve: Resolves a host and port to addresses.
    """

    def __init__(
        self, suffixes: Sequence[str], allow_private: bool = False, resolve: Resolve = resolve
    ) -> None:
        self.allow_private = allow_private
        self._suffixes = tuple(suffix.strip(".").lower() for suffix in suffixes)
        self._resolve = resolve
        if allow_private:
            log.warning("ALLOW_PRIVATE_HOSTS is on: media may come from this machine's networks")

    def check(self, url: str) -> None:
        """Refuse a forbidden link; call it for every redirect as well.

        The address of its host is checked by `addresses`, when it is connected to.

        Raises:
            RecordError: "forbidden_host".
        """
        parts = _parsed(url)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise _forbidden(f"{parts.scheme or 'relative'} links are not allowed")
        if "@" in parts.netloc:
            raise _forbidden("links with a user name are not allowed")
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        if not self._is_listed(parts.hostname, port, parts.scheme):
            self._check_private(parts.hostname, port, parts.scheme)

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """Resolve a host to addresses that may be connected to; connect to no other address.

        Args:
            host: Its name.
            port: The port to connect to.

        Returns:
            All of its addresses, each of them allowed.

        Raises:
            RecordError: "forbidden_host".
            RetryableError: "host_not_found".
        """
        listed = self._is_listed(host, port, "https")
        if not listed:
            self._check_private(host, port, "a connection")
        found = self._resolved(host, port)
        for address in found:
            self._check_address(host, ip_address(address.split("%")[0]), listed)
        return found

    def _is_listed(self, host: str, port: int, scheme: str) -> bool:
        name = host.rstrip(".").lower()
        below = name.endswith(tuple(f".{suffix}" for suffix in self._suffixes))
        return (below or name in self._suffixes) and (scheme, port) == ("https", _HTTPS_PORT)

    def _check_private(self, host: str, port: int, scheme: str) -> None:
        if not self.allow_private:
            raise _forbidden(
                f"{scheme} to {host} port {port} is not allowed",
                hint="only https on port 443 of hosts in ALLOWED_DOWNLOAD_HOSTS is allowed",
            )

    def _resolved(self, name: str, port: int) -> Sequence[str]:
        try:
            return self._resolve(name, port)
        except (OSError, UnicodeError) as error:
            raise RetryableError("host_not_found", f"{name} cannot be resolved") from error

    def _check_address(self, name: str, address: Address, listed: bool) -> None:
        address = _embedded(address)
        if self.allow_private and any(address in network for network in _PRIVATE):
            return
        if not listed or not _is_global(address):
            raise _forbidden(f"{name} has the address {address}, which is not allowed")


def _parsed(url: str) -> SplitResult:
    if not url.isascii() or not url.isprintable() or "\\" in url or " " in url:
        raise _forbidden("links with characters that parsers read differently are not allowed")
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError where it is not a port
    except ValueError as error:
        raise _forbidden("the link cannot be parsed") from error
    return parts


def _embedded(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 address, where packets are routed to it."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_global(address: Address) -> bool:
    """Return whether an address, from `_embedded`, is globally reachable unicast."""
    if any(address in network for network in _NOT_GLOBAL):
        return False
    return isinstance(address, IPv4Address) or address in _GLOBAL_V6


def _forbidden(message: str, hint: str = "") -> RecordError:
    return RecordError("forbidden_host", message, hint=hint)
