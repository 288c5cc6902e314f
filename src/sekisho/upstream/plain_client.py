"""The transport for providers at plain `http://` addresses: HTTP/1.1 on the event loop itself.

Model servers beside the gateway (vLLM, Ollama, a sidecar that does the TLS) are spoken to without another thread: for
these, waking pyreqwest's threads cost more than half of a small call. Flows in and out: see upstream/http.py. Must stay
true: a connection is used again only after a reply that was read to its end and left nothing behind; reading stops
while nobody reads; whatever is left early is closed at once.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections import deque
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import httptools

from sekisho.core import bounds
from sekisho.core.errors import StreamBroken, UpstreamTimeout, UpstreamUnreachable
from sekisho.upstream.http import NO_CONNECTION, HttpRequest

#: A connection that nobody used for so long is not used again: its server may be about to close it (gunicorn after 2 s,
#: uvicorn, Node and llama.cpp after 5), or something in between has forgotten it. A request would be lost with it.
_IDLE_SECONDS = 1.5
#: Bytes that wait for their reader before the provider is made to wait.
_UNREAD_BYTES = 64 * 1024
#: The head of an answer is no longer than that, its last read included.
_HEAD_BYTES = bounds.HEADER_BYTES + 256 * 1024
#: Addresses that need no rewriting before they are sent: no user, no query, nothing to be encoded.
_ADDRESS = re.compile(r"http://[A-Za-z0-9.\-\[\]:]+(/[!-~]*)?")


def is_plain(base_url: str) -> bool:
    """Whether this transport may be used for what lies under an address."""
    return _ADDRESS.fullmatch(base_url) is not None


class _Place(NamedTuple):
    host: str
    port: int
    #: What the request says: its Host, its target.
    authority: str
    target: str


@functools.lru_cache(maxsize=1024)
def _place(url: str) -> _Place:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Place(parts.hostname or "", parts.port or 80, parts.netloc, target)


def _encoded(request: HttpRequest, place: _Place) -> bytes:
    """The head of a request. Raises ValueError for a header that would be two."""
    lines = [f"{request.method} {place.target} HTTP/1.1", f"host: {place.authority}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    lines.append(f"content-length: {len(request.body)}\r\n\r\n")
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) + 1 or text.count("\r") != len(lines) + 1:
        raise ValueError("a header of the request holds a line break")
    return text.encode("latin-1")


class PlainReply:
    """An HttpReply, filled by its connection while it is read."""

    __slots__ = ("_connection", "begun", "done", "fields", "first", "pieces", "status", "unread_bytes")

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self.status = 0
        self.fields: list[tuple[str, str]] = []
        #: The first value of each.
        self.first: dict[str, str] = {}
        #: Of the body, what nobody has read yet.
        self.pieces: deque[bytes] = deque()
        self.unread_bytes = 0
        #: The head is here; and all of the body.
        self.begun = False
        self.done = False

    def header(self, name: str) -> str | None:
        """The first value of header `name`, or None."""
        return self.first.get(name)

    def headers(self) -> list[tuple[str, str]]:
        """All headers."""
        return self.fields

    async def arrived(self) -> None:
        """Wait for the head. Raises UpstreamUnreachable."""
        while not self.begun:
            if self._connection.lost:
                raise UpstreamUnreachable("The provider closed the connection without an answer.")
            await self._connection.change()

    async def read_chunk(self) -> bytes | None:
        """The next bytes; None at the end. Raises StreamBroken."""
        while not self.pieces:
            if self.done:
                return None
            if self._connection.lost:
                raise StreamBroken("The provider's connection broke in the middle of its answer.")
            await self._connection.change()
        piece = self.pieces.popleft()
        self.unread_bytes -= len(piece)
        if self._connection.held and not self.pieces:
            self._connection.go_on()
        return piece


class _Connection(asyncio.Protocol):
    """One connection, with at most one exchange at a time; the parser calls its `on_` methods."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._reply: PlainReply | None = None
        self._changed: asyncio.Future[None] | None = None
        self._head_bytes = 0
        #: The provider is made to wait.
        self.held = False
        self._reusable = False
        self.lost = False
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, which is the end of an answer that announced no other."""
        self.lost = True
        reply = self._reply
        if reply is not None and reply.begun and exc is None:
            chunked = "chunked" in (reply.header("transfer-encoding") or "").lower()
            reply.done = reply.done or not (chunked or reply.header("content-length"))
        if self._changed is not None:
            self._wake()

    def ask(self, head: bytes, body: bytes) -> PlainReply:
        """Begin an exchange."""
        self._head_bytes, self._reusable = 0, False
        self._transport.writelines((head, body))
        self._reply = PlainReply(self)
        return self._reply

    def data_received(self, data: bytes) -> None:
        """Bytes from the provider. What is not HTTP, a head without an end, or what nobody asked for, ends it."""
        reply = self._reply
        try:
            if reply is not None and not reply.begun:
                self._head_bytes += len(data)
            if reply is None or self._head_bytes > _HEAD_BYTES:
                self.close()
            else:
                self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.close()
        if self._changed is not None:
            self._wake()

    def on_message_begin(self) -> None:
        """An answer begins; a second one was not asked for, and nothing more is believed of this connection."""
        if self._reply is not None and self._reply.done:
            self._reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; or a trailer, which nobody asked for."""
        reply = self._reply
        if reply is not None and not reply.begun:
            reply.fields.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """A head is here. One of 100 to 199 only says that the real one comes later."""
        reply, status = self._reply, self._parser.get_status_code()
        if reply is not None and not reply.begun:
            reply.begun, reply.status = status >= 200, status
            reply.fields = reply.fields if reply.begun else []
            reply.first = dict(reversed(reply.fields))

    def on_body(self, piece: bytes) -> None:
        """A piece of the body. When too many wait for their reader, the provider has to wait."""
        reply = self._reply
        if reply is None or reply.done:
            return
        reply.pieces.append(piece)
        reply.unread_bytes += len(piece)
        if reply.unread_bytes > _UNREAD_BYTES and not self.held:
            self.held = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """The answer is whole."""
        reply = self._reply
        if reply is not None and reply.begun and not reply.done:
            reply.done = True
            self._reusable = self._parser.should_keep_alive()

    async def change(self) -> None:
        """Wait until something has come, or the connection is lost."""
        self._changed = self._loop.create_future()
        await self._changed

    def go_on(self) -> None:
        """Everything that came was read."""
        self.held = False
        self._transport.resume_reading()

    def release(self) -> bool:
        """The exchange is over; whether another may follow. If not, the connection is closed."""
        self._reply = None
        if self._reusable and not self.lost:
            if self.held:
                self.go_on()
            self.idle_since = self._loop.time()
            return True
        self.close()
        return False

    def close(self) -> None:
        """At once, whatever was still to come."""
        self.lost = True
        self._transport.abort()

    def _wake(self) -> None:
        changed, self._changed = self._changed, None
        if changed is not None and not changed.done():  # whoever waited may have been cancelled
            changed.set_result(None)


class PlainTransport:
    """A Transport for `is_plain` addresses: pools by host and port."""

    def __init__(self, connect_timeout_seconds: float, idle_seconds: float = _IDLE_SECONDS) -> None:
        self.connect_timeout_seconds = connect_timeout_seconds
        self._idle_seconds = idle_seconds
        #: Connections that wait for work, the one used last at the end.
        self._idle: dict[tuple[str, int], deque[_Connection]] = {}

    def open_stream(self, request: HttpRequest) -> _Exchange:
        """One exchange, to be entered; see upstream.http.Transport."""
        return _Exchange(self, request)

    async def close(self) -> None:
        """Close what waits for work."""
        for idle in self._idle.values():
            while idle:
                idle.pop().close()

    async def take(self, host: str, port: int) -> _Connection:
        """A connection to that place. Raises UpstreamTimeout, UpstreamUnreachable."""
        idle, loop = self._idle.get((host, port)), asyncio.get_running_loop()
        while idle:
            connection = idle.pop()
            if not connection.lost and connection.idle_since > loop.time() - self._idle_seconds:
                return connection
            connection.close()
        try:
            async with asyncio.timeout(self.connect_timeout_seconds):
                _, connection = await loop.create_connection(lambda: _Connection(loop), host, port)
        except TimeoutError as error:
            raise UpstreamTimeout(NO_CONNECTION, self.connect_timeout_seconds) from error
        except OSError as error:
            raise UpstreamUnreachable("No connection to the provider could be made.", code=NO_CONNECTION) from error
        return connection

    def give_back(self, host: str, port: int, connection: _Connection) -> None:
        """An exchange is over. What has waited for work too long goes, the eldest first."""
        if not connection.release():
            return
        idle = self._idle.setdefault((host, port), deque())
        idle.append(connection)
        while idle[0].idle_since < connection.idle_since - self._idle_seconds:
            idle.popleft().close()


class _Exchange:
    """Entered: sent, and the reply's head is there. Left: closed upstream, whatever was still to come."""

    __slots__ = ("_connection", "_place", "_request", "_transport")

    def __init__(self, transport: PlainTransport, request: HttpRequest) -> None:
        self._transport = transport
        self._request = request
        self._place = _place(request.url)
        self._connection: _Connection

    async def __aenter__(self) -> PlainReply:
        request, place = self._request, self._place
        head = _encoded(request, place)
        connection = self._connection = await self._transport.take(place.host, place.port)
        reply = connection.ask(head, request.body)
        try:
            await reply.arrived()
        except BaseException:
            connection.close()
            raise
        return reply

    async def __aexit__(self, *unused: object) -> None:
        self._transport.give_back(self._place.host, self._place.port, self._connection)
