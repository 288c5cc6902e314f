"""The guard that every URL of a caller passes before the gateway connects anywhere for it (SSRF).

Flows in: a URL as a caller or a redirect wrote it. Flows out: what may be connected to: host, port and the addresses
that its name had when it was checked. Must stay true: the parser is the one of the HTTP client that connects, so that
both mean the same host by `0x7f.1` or `[::ffff:127.0.0.1]`; a name is resolved once, all its addresses must be public,
and the connection goes to one of them (no rebinding); a refusal repeats neither the URL nor an address.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection

import msgspec
from pyreqwest.http import Url

from sekisho.core.errors import CallerError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: (host, port) -> its addresses, as text. Raises OSError when there are none.
Resolve = Callable[[str, int], Awaitable[list[str]]]

URL_CHARS = 8_192
_NETWORKS = ipaddress.ip_network


def _networks(text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(map(_NETWORKS, text.split()))


# Sources: IANA's special-purpose address registries; what AWS, Azure, Google Cloud, Oracle and Alibaba document.
#: Of IPv6 only what is allocated as global unicast is public at all: mapped and translated IPv4 (::ffff:0:0/96, NAT64's
#: 64:ff9b::/96), loopback, unique-local, link-local, site-local and multicast addresses all lie outside.
_PUBLIC_V6 = _NETWORKS("2000::/3")
#: Public by their place, yet no one's host: protocol assignments (Teredo, benchmarks, ORCHID), documentation, and 6to4,
#: which carries an IPv4 address.
_RESERVED_V6 = _networks("2001::/23 2001:db8::/32 2002::/16 3fff::/20")
_RESERVED_V4 = _networks(
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 "
    "203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
)
#: Metadata services that lie among public or private addresses. They hand out credentials.
_METADATA = _networks("168.63.129.16/32 100.100.100.200/32 192.0.0.192/32 fd00:ec2::254/128 fd20:ce::254/128")
#: Where an operator's own servers may live, when the operator names them.
_PRIVATE = _networks("10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 ::1/128")


class UrlRefused(CallerError):
    """The gateway does not connect to this URL for a caller. `message` says why, not where."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The gateway does not fetch this URL: {reason}", code="url_refused")


class Admitted(msgspec.Struct, frozen=True):
    """A URL that may be fetched, from these addresses only. `url` is its canonical form."""

    url: str
    host: str
    port: int
    addresses: tuple[str, ...]


def is_public(address: Address) -> bool:
    """Whether the address is a host on the public internet."""
    if _is_in(address, _METADATA):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not _is_in(address, _RESERVED_V4)
    return address in _PUBLIC_V6 and not _is_in(address, _RESERVED_V6)


def is_own(address: Address) -> bool:
    """Whether a server that the operator has named may have this address: public or private, no metadata service."""
    return is_public(address) or (_is_in(address, _PRIVATE) and not _is_in(address, _METADATA))


async def resolve(host: str, port: int) -> list[str]:
    """What the machine's resolver says, off the loop."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guard:
    """Looks at URLs. `allowed_hosts` are servers of the operator's own: private addresses and plain http are theirs."""

    def __init__(self, allowed_hosts: Collection[str] = (), resolve: Resolve = resolve) -> None:
        self._allowed_hosts = frozenset(host.lower().rstrip(".") for host in allowed_hosts)
        self._resolve = resolve

    async def admit(self, text: str) -> Admitted:
        """What may be connected to for this URL. Raises UrlRefused."""
        url = _parsed(text)
        host = url.host_str or ""
        own = host.rstrip(".") in self._allowed_hosts
        if url.scheme != "https" and not (url.scheme == "http" and own):
            raise UrlRefused("only https is fetched.")
        if url.username or url.password:
            raise UrlRefused("it holds a user name or password.")
        port = url.port_or_known_default or 443
        addresses = await self._addresses(host, port)
        if not addresses or not all(map(is_own if own else is_public, addresses)):
            raise UrlRefused("its host has no public address.")
        return Admitted(str(url), host, port, tuple(map(str, addresses)))

    async def _addresses(self, host: str, port: int) -> list[Address]:
        try:
            found = await self._resolve(host.strip("[]"), port)
        except (OSError, UnicodeError):
            return []
        # A zone (`fe80::1%eth0`) names an interface of this machine: no such address is public.
        return [ipaddress.ip_address(address.partition("%")[0]) for address in found]


def _parsed(text: str) -> Url:
    if len(text) > URL_CHARS:
        raise UrlRefused(f"it is longer than {URL_CHARS} characters.")
    try:
        return Url(text)
    except ValueError:
        raise UrlRefused("it is no URL.") from None


def _is_in(address: Address, networks: Collection[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return any(address in network for network in networks)
