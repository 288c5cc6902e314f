"""Plain values of one outgoing exchange, and the seam that every implementation offers.

Flows in: an HttpRequest. Flows out: an HttpReply whose body is read chunk by chunk as it arrives.
Must stay true: nothing is buffered ahead of the reader; leaving `open_stream` early closes the exchange upstream at
once; failures come out as UpstreamError, never as the library's own exceptions.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

#: Code of the errors that come before a request is sent: the phase of an UpstreamTimeout is its code.
NO_CONNECTION = "connect"


class HttpRequest(msgspec.Struct, frozen=True):
    """One outgoing request. Header names are lower case; `body` is sent as it is.

    `streamed` False: nobody waits for the reply's pieces, it may come in one (which costs a third less).
    """

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    streamed: bool = True


class HttpReply(Protocol):
    """The answer: status and headers have arrived, the body arrives while it is read."""

    status: int

    def header(self, name: str) -> str | None:
        """The first value of header `name` (lower case), or None."""

    def headers(self) -> list[tuple[str, str]]:
        """All headers, names in lower case."""

    async def read_chunk(self) -> bytes | None:
        """The next bytes as soon as there are any; None at the end. Raises StreamBroken when the peer cut it."""


class Transport(Protocol):
    """A pool of connections to one provider."""

    def open_stream(self, request: HttpRequest) -> AbstractAsyncContextManager[HttpReply]:
        """Send `request`; the reply's head has arrived when the context is entered.

        Raises UpstreamUnreachable or UpstreamTimeout("connect") when no answer can come; their code is NO_CONNECTION
        when nothing was sent, so that nothing can be billed.
        """

    async def close(self) -> None:
        """Close idle connections; called once at shutdown."""


async def read_all(reply: HttpReply, limit_bytes: int) -> bytes:
    """The whole body, at most `limit_bytes`; what is longer is cut there (the caller compares lengths)."""
    pieces, size = [], 0
    while (chunk := await reply.read_chunk()) is not None:
        pieces.append(chunk)
        size += len(chunk)
        if size > limit_bytes:
            break
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)[: limit_bytes + 1]
