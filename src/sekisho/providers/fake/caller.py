"""One caller's connection, over ASGI: reading the request, answering, and the rude endings that ASGI has no words for.

Must stay true: `is_gone` turns true as soon as the server knows that the caller hung up, also while nothing is sent.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: Where server.py leaves the transport of the connection, for cuts and resets.
TRANSPORT = "sekisho.fake.transport"


class Caller:
    """A request being answered."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        #: As it was received, percent-encoding and all.
        self.raw_path: str = scope["raw_path"].decode("latin-1")
        self.query_text: str = scope["query_string"].decode("latin-1")
        self.query = dict(parse_qsl(self.query_text, keep_blank_values=True))
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self._transport: asyncio.Transport | None = scope.get("extensions", {}).get(TRANSPORT, {}).get("transport")
        self._receive, self._send = receive, send
        self._watch: asyncio.Task[None] | None = None

    async def body(self) -> bytes:
        """The request body; from here on the caller's hang-up is noticed."""
        parts: list[bytes] = []
        while True:
            message = await self._receive()
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        self._watch = asyncio.create_task(self._until_gone())
        return b"".join(parts)

    @property
    def is_gone(self) -> bool:
        """Whether the caller hung up."""
        return self._watch is not None and self._watch.done()

    async def gone_within(self, seconds: float | None) -> bool:
        """Wait so long (None: for ever) unless the caller hangs up first, and say whether it did."""
        if self._watch is None or seconds == 0:
            await asyncio.sleep(0)
        else:
            await asyncio.wait([self._watch], timeout=seconds)
        return self.is_gone

    def release(self) -> None:
        """The call is over: stop watching."""
        if self._watch is not None:
            self._watch.cancel()

    async def start(self, status: int, headers: dict[str, str]) -> None:
        """Status line and headers, at once."""
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})

    async def write(self, data: bytes) -> None:
        """Some of the body."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self) -> None:
        """The body's proper end."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """A whole answer."""
        await self.start(status, headers | {"content-length": str(len(body))})
        await self.write(body)
        await self.finish()

    async def answer_json(self, status: int, value: object) -> None:
        """A whole answer in JSON."""
        await self.answer(status, msgspec.json.encode(value), {"content-type": "application/json"})

    async def cut(self) -> None:
        """Close the connection after what was sent, without the body's end."""
        if self._transport is not None:
            self._transport.close()
            await self.gone_within(None)

    async def reset(self) -> None:
        """Reset the connection: the caller reads ECONNRESET instead of an end."""
        if self._transport is not None:
            raw = socket.socket(fileno=os.dup(self._transport.get_extra_info("socket").fileno()))
            with raw:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
            await self.gone_within(None)

    async def write_raw(self, data: bytes) -> None:
        """Bytes that are no HTTP, then the end of the connection."""
        if self._transport is not None:
            self._transport.write(data)
        await self.cut()

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
