"""The transport in use: pyreqwest (Rust reqwest: HTTP/2, rustls, connection pools).

Traps, each measured: by default a streamed reply is withheld until 64 kB have arrived and an early exit hangs, so
`streamed_read_buffer_limit(0)` for every stream; replies come in identity encoding and are never decompressed, since
the caller gets the provider's bytes; a cancellation may be swallowed (see `_heed_cancellation`); redirects are not
followed, since they would carry the key elsewhere.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from pyreqwest import exceptions as failures
from pyreqwest.bytes import Bytes
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response, ResponseBodyReader

from sekisho.core import bounds
from sekisho.core.errors import StreamBroken, UpstreamTimeout, UpstreamUnreachable
from sekisho.upstream.http import NO_CONNECTION, HttpRequest


def _heed_cancellation(task: asyncio.Task[Any] | None) -> None:
    """A cancellation that meets a result already on its way is swallowed by pyreqwest: the task would go on, and wait
    for ever (measured: one in twenty within the first 2 ms of an exchange).
    """
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _never_connected(error: failures.RequestError) -> bool:
    """Whether the provider cannot have had the request. pyreqwest calls every lost connection a ConnectError; which
    of the two it was stands in the chain of causes, in hyper's words.
    """
    causes = error.details.get("causes") or ()
    return any("(Connect)" in cause.get("message", "") for cause in causes)


class ReqwestReply:
    """An HttpReply over pyreqwest."""

    __slots__ = ("_in_one_piece", "_reader", "_response", "_task", "status")

    def __init__(self, response: Response, task: asyncio.Task[Any] | None, *, streamed: bool) -> None:
        #: The body is known to be small enough to be read at once.
        length = None if streamed else response.get_header("content-length")
        self._in_one_piece = length is not None and length.isdigit() and 0 < int(length) <= bounds.REPLY_BYTES
        self._response = response
        self._task = task
        self._reader: ResponseBodyReader | _Exhausted = response.body_reader
        self.status: int = response.status

    def header(self, name: str) -> str | None:
        """The first value of header `name`, or None."""
        try:
            return self._response.get_header(name)
        except ValueError:
            return None

    def headers(self) -> list[tuple[str, str]]:
        """All headers, but those whose value is not ASCII: pyreqwest gives none of a map that holds one."""
        headers = self._response.headers
        try:
            return list(headers.items())
        except ValueError:
            values = [(name, self.header(name)) for name in dict.fromkeys(headers.keys())]
            return [(name, value) for name, value in values if value is not None]

    async def read_chunk(self) -> bytes | None:
        """The next bytes; None at the end. Raises StreamBroken."""
        try:
            if self._in_one_piece:
                self._in_one_piece, self._reader = False, _Exhausted()
                chunk: Bytes | None = await self._response.bytes()
            else:
                chunk = await self._reader.read_chunk()
        except failures.RequestError as error:
            raise StreamBroken("The provider's connection broke in the middle of its answer.") from error
        if self._task is not None and self._task.cancelling():  # as `_heed_cancellation`, without its call
            raise asyncio.CancelledError
        return None if chunk is None else chunk.to_bytes()


class _Exhausted:
    """The rest of a body that was read at once."""

    async def read_chunk(self) -> None:
        """Nothing is left."""


class ReqwestTransport:
    """A Transport over pyreqwest: one pool.

    `silence_seconds` is longer than any wait for a provider's next byte: pyreqwest goes on with a request that was
    cancelled before its head arrived (its task is detached), and nothing else would end it when the provider is mute.
    `pin` (host, address, port): that host is there and nowhere else, whatever resolver and proxy settings say.
    """

    def __init__(
        self,
        connect_timeout_seconds: float,
        silence_seconds: float = 3600.0,
        pin: tuple[str, str, int] | None = None,
    ) -> None:
        self.connect_timeout_seconds = connect_timeout_seconds
        builder = ClientBuilder().connect_timeout(timedelta(seconds=connect_timeout_seconds)).tcp_nodelay(True)
        builder = builder.follow_redirects(False).pool_idle_timeout(timedelta(seconds=90))
        builder = builder.read_timeout(timedelta(seconds=silence_seconds))
        builder = builder.gzip(False).brotli(False).zstd(False).deflate(False).error_for_status(False)
        if pin is not None:
            builder = builder.no_proxy().resolve(*pin)
        self._client: Client = builder.build()

    def open_stream(self, request: HttpRequest) -> _Exchange:
        """One exchange, to be entered; see upstream.http.Transport."""
        built = self._client.request(request.method, request.url).headers(request.headers).body_bytes(request.body)
        if request.streamed:
            built = built.streamed_read_buffer_limit(0)
        return _Exchange(built.build_streamed(), self.connect_timeout_seconds, streamed=request.streamed)

    async def close(self) -> None:
        """Close the pool."""
        await self._client.close()


class _Exchange:
    """Entered: sent, and the reply's head is there. Left: closed upstream, whatever was still to come."""

    __slots__ = ("_connect_timeout_seconds", "_stream", "_streamed")

    def __init__(self, stream: StreamRequest, connect_timeout_seconds: float, *, streamed: bool) -> None:
        self._stream = stream
        self._streamed = streamed
        self._connect_timeout_seconds = connect_timeout_seconds

    async def __aenter__(self) -> ReqwestReply:
        task = asyncio.current_task()
        try:
            response = await self._stream.__aenter__()
        except failures.ConnectTimeoutError as error:
            raise UpstreamTimeout(NO_CONNECTION, self._connect_timeout_seconds) from error
        except failures.RequestError as error:
            if _never_connected(error):
                raise UpstreamUnreachable("No connection to the provider could be made.", code=NO_CONNECTION) from error
            raise UpstreamUnreachable("The provider closed the connection without an answer.") from error
        try:
            _heed_cancellation(task)
        except asyncio.CancelledError:
            await self._stream.__aexit__(None, None, None)
            raise
        return ReqwestReply(response, task, streamed=self._streamed)

    async def __aexit__(self, *unused: object) -> None:
        await self._stream.__aexit__(None, None, None)
