"""An upstream that serves one recorded answer, byte for byte, cut into pieces at given offsets.

In: body bytes, content type, offsets. Out: a URL; every POST gets the same answer, and `requests` keeps what was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from tests.support.tcp_server import tcp_server


@dataclass
class Replay:
    """The recording being served. `offsets` may be changed between requests."""

    body: bytes
    content_type: str = "text/event-stream; charset=utf-8"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    offsets: Sequence[int] = ()
    port: int = 0
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive over requests."""
        while True:
            await self._answer(reader, writer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append((first.split(" ")[1], headers, body))
        sent = {"content-type": self.content_type, "transfer-encoding": "chunked"} | self.headers
        fields = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        writer.write(f"HTTP/1.1 {self.status} Replayed\r\n{fields}\r\n".encode("latin-1"))
        for piece in self._pieces():
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    def _pieces(self) -> list[bytes]:
        edges = [0, *sorted(set(self.offsets)), len(self.body)]
        pieces = [self.body[start:end] for start, end in pairwise(edges)]
        return [piece for piece in pieces if piece]


@asynccontextmanager
async def replay(recording: Replay) -> AsyncIterator[Replay]:
    """Serve `recording` on a free port."""
    async with tcp_server(recording.accept) as recording.port:
        yield recording
