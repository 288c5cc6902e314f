"""The HTTP server's protocol, with the bounds that uvicorn's own lacks.

Must stay true: the head of a request, or the trailers behind its body, of more than bounds.HEADER_BYTES are answered
431 and cut, an endless one after two reads beyond that; a caller who is silent in the middle of a request, sends its
head letter by letter, or takes nothing of its answer, is cut off in the end, for closing alone would wait for ever;
HTTP/1.0 gets no chunks.
"""

from __future__ import annotations

import asyncio
import math
import re
from typing import Any

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from sekisho.core import bounds

_ANSWER = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\ncontent-length: 35\r\n"
    b"connection: close\r\n\r\nThe request's headers are too large"
)
#: Java's HTTP client offers HTTP/2 so with the first request on a connection. The parser would take what follows for
#: HTTP/2, and the request for one without a body; RFC 9110, section 7.8, lets a server pass over the offer.
_H2C = re.compile(rb"\r\nupgrade:[ \t]*h2c[ \t]*(?=\r\n)", re.IGNORECASE)


class _HeadTooLarge(Exception):
    """Ends the parsing of a request; uvicorn asks for the answer to one that is not HTTP."""


class _Unframed(RequestResponseCycle):
    """An answer to HTTP/1.0, which knows no chunks: where its length is not announced, the connection ends with it."""

    _ends_with_connection = False

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "http.response.start":
            self._ends_with_connection = all(name != b"content-length" for name, _ in message.get("headers", ()))
            self.chunked_encoding = False if self._ends_with_connection else None
        elif self._ends_with_connection and message["type"] == "http.response.body":
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol; counts the bytes of unfinished heads, and waits for nobody for ever."""

    #: How long a caller may take nothing of what waits for it. See `patient`.
    stalled_seconds = 300.0
    #: How long a head may take from its first byte on. What comes is no sign of good will: it may be a byte at a time.
    head_seconds = 60.0
    #: Whether each answer is the last of its connection. Set on the class when the gateway is about to end.
    ending = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = self._head_began = False
        self._head_bytes = self._read_bytes = 0
        self._in_request = self._upgraded = False
        self._fresh = True
        self._head_until = math.inf
        self._unsent_bytes = 0
        self._stalled: asyncio.TimerHandle | None = None

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = self._head_began = self._in_request = True
        self._head_until = self.loop.time() + self.head_seconds
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is complete. One that came in a small read is small."""
        self._in_head, self._head_until = False, math.inf
        if not self._head_began or self._read_bytes > bounds.HEADER_BYTES:
            self._head_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if self._head_bytes > bounds.HEADER_BYTES:
                raise _HeadTooLarge
        super().on_headers_complete()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and self.scope["http_version"] == "1.0":
            cycle.__class__ = _Unframed  # uvicorn makes it itself, and nothing was said in it yet
        if self.ending:
            self.close_after_answer()

    def close_after_answer(self) -> None:
        """The answer that is being made is the last on this connection, and says so if it has not begun."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None:
            cycle.keep_alive = False

    def on_chunk_header(self) -> None:
        """A chunk of a body begins; behind the last, empty one may stand trailers, which are kept like a head."""
        self._in_head = self._head_began = True

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._in_head = False
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here."""
        self._in_head = self._in_request = False
        super().on_message_complete()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller who says nothing at all is waited for no longer than one between two requests."""
        super().connection_made(transport)
        self._expect_more()

    def data_received(self, data: bytes) -> None:
        """Bytes from the socket."""
        if self._fresh:
            self._fresh, data = False, _without_h2c(data)
        self._head_began, self._read_bytes = False, len(data)
        super().data_received(data)
        if self._upgraded:
            return
        if self._in_head:
            self._head_bytes = 0 if self._head_began else self._head_bytes + len(data)
            if self._head_bytes > bounds.HEADER_BYTES:
                self.send_400_response("")
            elif self.loop.time() >= self._head_until:
                self.send_400_response("The request's headers took too long.")
        cycle: RequestResponseCycle | None = self.cycle
        if self._in_request or (cycle is not None and cycle.response_complete):
            self._expect_more()

    def handle_websocket_upgrade(self) -> None:
        """The connection is a WebSocket from now on, with a protocol of its own."""
        self._upgraded = True
        self._stop_watching()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Uvicorn's answer to what is not HTTP, or ours to a head that is too large."""
        if self._head_bytes <= bounds.HEADER_BYTES:
            super().send_400_response(msg)
        elif not self.transport.is_closing():
            self.transport.write(_ANSWER)
            self.transport.close()

    def timeout_keep_alive_handler(self) -> None:
        """The caller has been silent for too long, unless it waits for an answer itself."""
        cycle: RequestResponseCycle | None = self.cycle
        waits = cycle is not None and not (cycle.response_complete or cycle.more_body)
        if waits or self.pipeline:
            self._expect_more()
            return
        super().timeout_keep_alive_handler()
        self._watch_taking()

    def pause_writing(self) -> None:
        """The caller takes less than there is."""
        super().pause_writing()
        self._watch_taking()

    def resume_writing(self) -> None:
        """It has taken what there was."""
        super().resume_writing()
        if self.transport.is_closing():
            self._watch_taking()
        else:
            self._stop_watching()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._stop_watching()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def _expect_more(self) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _watch_taking(self) -> None:
        self._stop_watching()
        self._unsent_bytes = self.transport.get_write_buffer_size()
        if self._unsent_bytes:
            self._stalled = self.loop.call_later(self.stalled_seconds, self._look_again)

    def _stop_watching(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _look_again(self) -> None:
        if self.transport.get_write_buffer_size() < self._unsent_bytes:
            self._watch_taking()
        else:
            self.transport.abort()


def _without_h2c(data: bytes) -> bytes:
    head, end, rest = data.partition(b"\r\n\r\n")
    return _H2C.sub(b"", head + end) + rest if b"h2c" in head else data


def patient(stalled_seconds: float) -> type[BoundedHttpProtocol]:
    """The protocol for a gateway whose callers may take nothing for so long."""
    return type("PatientHttpProtocol", (BoundedHttpProtocol,), {"stalled_seconds": stalled_seconds})
