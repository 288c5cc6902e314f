"""Fetching an image or a document that a caller names by URL, for a model that takes no URLs.

Flows in: a URL. Flows out: its media. Must stay true: every hop passes the guard and goes to an address that the guard
has seen; nothing of the caller or of the gateway is sent along; size, time, redirects and fetches at once are bounded;
what comes out is what the bytes are, not what the server says; no text of a failure holds the URL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from pyreqwest.http import Url

from sekisho.canonical.media import Kind, Media
from sekisho.core.errors import CallerError, UpstreamError
from sekisho.upstream.client import ReqwestTransport
from sekisho.upstream.guard import Admitted, Guard, UrlRefused
from sekisho.upstream.http import NO_CONNECTION, HttpReply, HttpRequest, Transport
from sekisho.upstream.sniff import document_type, image_type

REDIRECTS_MAX = 3
#: Addresses of one host that are tried.
ADDRESSES_MAX = 2
CONNECT_SECONDS = 5.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "Sekisho"}
_WANTED = {
    "image": "it is no image that models take (PNG, JPEG, GIF, WebP, HEIC).",
    "document": "it is no document that models take (PDF, Word, Excel, text in UTF-8).",
}


class NotFetched(CallerError):
    """The URL could not be fetched, or holds nothing a model takes."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(f"The URL of the {kind} could not be fetched: {reason}", code="url_not_fetched")


class FetchLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The largest file; the longest time for one, redirects and the wait for a turn included; how many at once in this
    process: together they hold at most so many times the size limit.
    """

    file_bytes: int
    seconds: float
    at_once: int = 16


class Fetcher:
    """Fetches URLs. `transport` makes the connection to one address of an admitted URL."""

    def __init__(
        self,
        guard: Guard,
        limits: FetchLimits,
        transport: Callable[[Admitted, str, float], Transport] | None = None,
    ) -> None:
        self._guard = guard
        self._limits = limits
        self._transport = transport or pinned_transport
        self._turns = asyncio.Semaphore(limits.at_once)

    async def fetch(self, kind: Kind, url: str) -> Media:
        """What the URL holds. Raises UrlRefused or NotFetched."""
        try:
            async with asyncio.timeout(self._limits.seconds), self._turns:
                for _ in range(REDIRECTS_MAX + 1):
                    found = await self._hop(kind, await self._guard.admit(url))
                    if isinstance(found, Media):
                        return found
                    url = found
        except TimeoutError:
            raise NotFetched(kind, f"it did not arrive within {self._limits.seconds:g} s.") from None
        raise NotFetched(kind, f"it was redirected more than {REDIRECTS_MAX} times.")

    async def _hop(self, kind: Kind, admitted: Admitted) -> Media | str:
        """The media, or where else it is."""
        for address in admitted.addresses[:ADDRESSES_MAX]:
            try:
                return await self._from_address(kind, admitted, address)
            except UpstreamError as error:
                if error.info.code != NO_CONNECTION:
                    break
        # Outside the `except`: what the HTTP client raised quotes the URL.
        raise NotFetched(kind, "its server could not be reached, or broke off.")

    async def _from_address(self, kind: Kind, admitted: Admitted, address: str) -> Media | str:
        # In a thread: reading the system's certificates takes milliseconds.
        transport = await asyncio.to_thread(self._transport, admitted, address, self._limits.seconds)
        try:
            async with transport.open_stream(HttpRequest("GET", admitted.url, _HEADERS, b"")) as reply:
                if reply.status in _REDIRECTS:
                    return _next_url(admitted, reply)
                if reply.status != 200:
                    raise NotFetched(kind, f"its server answered with status {reply.status}.")
                data = await self._read(kind, reply)
                said = reply.header("content-type") or ""
        finally:
            await transport.close()
        media_type = image_type(data) if kind == "image" else document_type(data, said)
        if media_type is None:
            raise NotFetched(kind, _WANTED[kind])
        return Media(media_type, data)

    async def _read(self, kind: Kind, reply: HttpReply) -> bytes:
        if (reply.header("content-encoding") or "identity").lower() != "identity":
            raise NotFetched(kind, "its server sends it compressed, although it was asked not to.")
        pieces, size = [], 0
        announced = reply.header("content-length") or ""
        too_large = announced.isdecimal() and int(announced) > self._limits.file_bytes
        while not too_large and (chunk := await reply.read_chunk()) is not None:
            pieces.append(chunk)
            size += len(chunk)
            too_large = size > self._limits.file_bytes
        if too_large:
            raise NotFetched(kind, f"it is larger than {self._limits.file_bytes} bytes.")
        return b"".join(pieces)


def pinned_transport(admitted: Admitted, address: str, seconds: float) -> Transport:
    """A connection to this address and no other, for one fetch that may take so long."""
    return ReqwestTransport(min(CONNECT_SECONDS, seconds), seconds, (admitted.host, address, admitted.port))


def _next_url(admitted: Admitted, reply: HttpReply) -> str:
    try:
        return str(Url(admitted.url).join(reply.header("location") or ""))
    except ValueError:
        raise UrlRefused("its server redirects to something that is no URL.") from None
