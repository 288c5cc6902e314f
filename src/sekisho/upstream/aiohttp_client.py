"""The written fallback transport: aiohttp. Same seam, same contract suite; used when the deployment's environment has
no wheel of the first one (`pip install sekisho[aiohttp]`).

Must stay true: as in client.py: nothing read ahead of need, no decompression, no redirects, failures mapped.
"""

from __future__ import annotations

import aiohttp

from sekisho.core.errors import StreamBroken, UpstreamTimeout, UpstreamUnreachable
from sekisho.upstream.http import NO_CONNECTION, HttpRequest


class AiohttpReply:
    """An HttpReply over aiohttp."""

    __slots__ = ("_response", "status")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status

    def header(self, name: str) -> str | None:
        """The first value of header `name`, or None."""
        return self._response.headers.get(name)

    def headers(self) -> list[tuple[str, str]]:
        """All headers."""
        return [(name.lower(), value) for name, value in self._response.headers.items()]

    async def read_chunk(self) -> bytes | None:
        """The next bytes; None at the end. Raises StreamBroken."""
        try:
            chunk = await self._response.content.readany()
        except (aiohttp.ClientError, ConnectionError) as error:
            raise StreamBroken("The provider's connection broke in the middle of its answer.") from error
        return chunk or None


class AiohttpTransport:
    """A Transport over aiohttp: one pool, connect timeout in seconds. Made inside a running event loop."""

    def __init__(self, connect_timeout_seconds: float) -> None:
        self.connect_timeout_seconds = connect_timeout_seconds
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_seconds),
            connector=aiohttp.TCPConnector(limit=0),
        )

    def open_stream(self, request: HttpRequest) -> _Exchange:
        """One exchange, to be entered; see upstream.http.Transport."""
        sending = self._session.request(
            request.method, request.url, headers=request.headers, data=request.body, allow_redirects=False
        )
        return _Exchange(sending, self.connect_timeout_seconds)

    async def close(self) -> None:
        """Close the pool."""
        await self._session.close()


class _Exchange:
    """Entered: sent, and the reply's head is there. Left: given back when read to its end, else closed."""

    __slots__ = ("_connect_timeout_seconds", "_response", "_sending")

    def __init__(self, sending: aiohttp.client._RequestContextManager, connect_timeout_seconds: float) -> None:
        self._sending = sending
        self._connect_timeout_seconds = connect_timeout_seconds
        self._response: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> AiohttpReply:
        try:
            self._response = await self._sending
        except aiohttp.ServerTimeoutError as error:
            raise UpstreamTimeout(NO_CONNECTION, self._connect_timeout_seconds) from error
        except aiohttp.ClientConnectorError as error:
            raise UpstreamUnreachable("No connection to the provider could be made.", code=NO_CONNECTION) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise UpstreamUnreachable("The provider closed the connection without an answer.") from error
        return AiohttpReply(self._response)

    async def __aexit__(self, *unused: object) -> None:
        if self._response is not None:
            self._response.close()
