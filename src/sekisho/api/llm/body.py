"""A request body off the wire: whole, within its limit, decompressed.

Flows in: ASGI messages. Flows out: bytes. Must stay true: what is refused is refused before it is held in memory,
compressed bodies are limited by what they grow to; bodies in flight over all requests stay within a budget.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping

import zstandard

from sekisho.core import bounds
from sekisho.core.errors import BodyTooLarge, MalformedRequest, Overloaded
from sekisho.exchange.answer import Receive

#: What `content-encoding` may say.
_PLAIN = ("", "identity")
_PIECE_BYTES = 256 * 1024


class CallerHungUp(Exception):
    """The caller was gone before its body was here."""


class BodyBudget:
    """Bytes of request bodies held at once, over all calls of this process."""

    __slots__ = ("empty", "held_bytes", "limit_bytes")

    def __init__(self, limit_bytes: int = bounds.BODIES_IN_FLIGHT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        #: Set whenever the last body is given back.
        self.empty = asyncio.Event()

    def take(self, size_bytes: int) -> None:
        """Hold more. Raises Overloaded."""
        if self.held_bytes + size_bytes > self.limit_bytes:
            raise Overloaded("The gateway holds as many requests as it may. Try again shortly.", retry_after_seconds=1)
        self.held_bytes += size_bytes
        self.empty.clear()

    def give_back(self, size_bytes: int) -> None:
        """The call is over."""
        self.held_bytes -= size_bytes
        if not self.held_bytes:
            self.empty.set()


async def read_body(receive: Receive, headers: Mapping[str, str], limit_bytes: int) -> bytes:
    """The body as its sender wrote it. Raises BodyTooLarge, MalformedRequest, CallerHungUp."""
    announced = headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > limit_bytes:
        raise _too_large(limit_bytes)
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerHungUp
        piece = message.get("body", b"")
        if piece:
            pieces.append(piece)
            size += len(piece)
            if size > limit_bytes:
                raise _too_large(limit_bytes)
        if not message.get("more_body", False):
            break
    raw = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    encoding = headers.get("content-encoding", "").strip().lower()
    return raw if encoding in _PLAIN else _decompress(raw, encoding, limit_bytes)


def _decompress(raw: bytes, encoding: str, limit_bytes: int) -> bytes:
    try:
        if encoding in ("gzip", "x-gzip", "deflate"):
            body = zlib.decompressobj(47 if encoding != "deflate" else 15).decompress(raw, limit_bytes + 1)
        elif encoding == "zstd":
            body = _unzstd(raw, limit_bytes)
        else:
            raise MalformedRequest(
                f"content-encoding '{encoding[:40]}' is not supported: send identity, gzip, deflate or zstd.",
                param="content-encoding",
            )
    except (zlib.error, zstandard.ZstdError):
        raise MalformedRequest(f"The request body is not valid {encoding}.", param="content-encoding") from None
    if len(body) > limit_bytes:
        raise _too_large(limit_bytes)
    return body


def _unzstd(raw: bytes, limit_bytes: int) -> bytes:
    pieces, size = [], 0
    with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as reader:
        while size <= limit_bytes and (piece := reader.read(_PIECE_BYTES)):
            pieces.append(piece)
            size += len(piece)
    return b"".join(pieces)


def _too_large(limit_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The request body is larger than {limit_bytes:,} bytes. Send less, or raise sekisho.body_limit_mb."
    )
