"""An answer that its provider compressed, although nobody asked for that, decompressed while it is read.

Flows in: an HttpReply with a `content-encoding`. Flows out: the same reply as if it had none. Must stay true: a small
piece that grows to gigabytes comes out in small ones, between which the loop serves others; what cannot be read says
which encoding it is.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Final

from sekisho.core.errors import StreamBroken, UpstreamProtocolError
from sekisho.upstream.http import HttpReply

#: Window bits of zlib for each encoding that is read: with the head of gzip or zlib.
_WINDOW_BITS: Final = {"gzip": 47, "x-gzip": 47, "deflate": 15}
#: What some servers call deflate has no head.
_HEADLESS: Final = -15
_PIECE_BYTES: Final = 256 * 1024
#: Of the packed body.
_NOT_SHOWN: Final = ("content-encoding", "content-length")


class Unpacked:
    """An HttpReply over a compressed one. Nothing is wrong with it before it is read."""

    __slots__ = ("_encoding", "_more", "_packed", "_reply", "_unpacker", "status")

    def __init__(self, reply: HttpReply, encoding: str) -> None:
        self._reply = reply
        self._encoding = encoding.strip().lower()
        #: What was not unpacked yet, and whether there is more without a further read.
        self._packed = b""
        self._more = False
        self._unpacker: zlib._Decompress | None = None
        self.status = reply.status

    def header(self, name: str) -> str | None:
        """The first value of header `name`, or None."""
        return None if name in _NOT_SHOWN else self._reply.header(name)

    def headers(self) -> list[tuple[str, str]]:
        """All headers but those of the packed body."""
        return [(name, value) for name, value in self._reply.headers() if name not in _NOT_SHOWN]

    async def read_chunk(self) -> bytes | None:
        """The next bytes; None at the end. Raises StreamBroken, UpstreamProtocolError."""
        if self._encoding in ("", "identity"):
            return await self._reply.read_chunk()
        while True:
            if self._more:
                await asyncio.sleep(0)
            else:
                chunk = await self._reply.read_chunk()
                if chunk is None:
                    self._check_end()
                    return None
                self._packed = chunk
            if piece := self._unpacked():
                return piece

    def _unpacked(self) -> bytes:
        begins = self._unpacker is None
        if self._unpacker is None or self._unpacker.eof:  # a gzip file may be several, one behind the other
            self._unpacker = zlib.decompressobj(self._window_bits())
        try:
            return self._fed(self._unpacker)
        except zlib.error:
            if not (begins and self._encoding == "deflate"):
                raise self._unreadable() from None
        self._unpacker = zlib.decompressobj(_HEADLESS)
        try:
            return self._fed(self._unpacker)
        except zlib.error:
            raise self._unreadable() from None

    def _fed(self, unpacker: zlib._Decompress) -> bytes:
        piece = unpacker.decompress(self._packed, _PIECE_BYTES)
        self._packed = unpacker.unconsumed_tail or unpacker.unused_data
        # A full piece may have left something behind in the unpacker itself.
        self._more = bool(self._packed) or (len(piece) == _PIECE_BYTES and not unpacker.eof)
        return piece

    def _window_bits(self) -> int:
        try:
            return _WINDOW_BITS[self._encoding]
        except KeyError:
            raise UpstreamProtocolError(
                f"The provider compressed its answer ('{self._encoding[:40]}'), which it was not asked for; "
                "gzip and deflate can be read."
            ) from None

    def _check_end(self) -> None:
        if self._unpacker is not None and not self._unpacker.eof:
            raise StreamBroken("The provider's compressed answer ends in the middle.")

    def _unreadable(self) -> UpstreamProtocolError:
        return UpstreamProtocolError(f"The provider's answer says that it is '{self._encoding}', and is not.")
