"""A small HTTP/1.1 client with exact control: send, read so many events, hang up or stop reading.

In: a request. Out: what arrived, byte by byte. Raises `Cut` where the server's answer has no proper end.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit


class Cut(Exception):
    """The connection ended before the body did; `got` is what had arrived."""

    def __init__(self, got: bytes) -> None:
        super().__init__(f"the answer was cut after {len(got)} bytes")
        self.got = got


class Call:
    """One request whose answer is being read. `status` and `headers` (lower-case names) are there at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self._got = bytearray()
        self._ended = False

    async def read_head(self) -> None:
        """Status line and headers. Raises Cut."""
        try:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Cut(b"") from error
        first, *lines = head.rstrip().split("\r\n")
        self.status = int(first.split(" ")[1])
        pairs = (line.partition(":") for line in lines)
        self.headers = {name.strip().lower(): value.strip() for name, _, value in pairs}

    async def chunk(self) -> bytes:
        """The next piece of the body, b"" at its proper end. Raises Cut."""
        if self._ended:
            return b""
        try:
            data = await self._chunk()
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Cut(bytes(self._got)) from error
        self._ended = data == b""
        self._got += data
        return data

    async def _chunk(self) -> bytes:
        if self.headers.get("transfer-encoding") == "chunked":
            size = int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16)
            return (await self._reader.readexactly(size + 2))[:size]
        if "content-length" in self.headers:
            missing = int(self.headers["content-length"]) - len(self._got)
            data = await self._reader.read(min(missing, 65_536))
            if missing and not data:
                raise Cut(bytes(self._got))
            return data
        return await self._reader.read(65_536)

    async def body(self) -> bytes:
        """Everything up to the proper end. Raises Cut."""
        while await self.chunk():
            pass
        return bytes(self._got)

    async def json(self) -> Any:
        """The whole body, decoded. Raises Cut."""
        return json.loads(await self.body())

    async def events(self, count: int | None = None) -> list[tuple[str, bytes]]:
        """The first `count` SSE events so far as (name, data), or all up to the end. Comments are passed over.

        Raises Cut when the answer ends improperly before that.
        """
        while (count is None or len(parse_events(bytes(self._got))) < count) and await self.chunk():
            pass
        return parse_events(bytes(self._got))[:count]

    async def hang_up(self) -> None:
        """Close the connection now."""
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)

    async def reset(self) -> None:
        """Reset the connection now."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        with socket.socket(fileno=socket.dup(sock.fileno())) as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)


def parse_events(data: bytes) -> list[tuple[str, bytes]]:
    """The complete SSE events in `data`."""
    events = []
    for block in data.replace(b"\r\n", b"\n").split(b"\n\n")[:-1]:
        lines = [line.partition(b":") for line in block.split(b"\n") if not line.startswith(b":")]
        fields = {name: value.removeprefix(b" ") for name, _, value in lines}
        if b"data" in fields:
            events.append((fields.get(b"event", b"").decode(), fields[b"data"]))
    return events


@asynccontextmanager
async def call(
    method: str, url: str, body: object = None, headers: dict[str, str] | None = None, *, read_bytes: int = 65_536
) -> AsyncIterator[Call]:
    """Send a request and read the head of its answer. `body` is JSON, or bytes as they are.

    `read_bytes` bounds what is buffered, so that a caller that does not read holds the server up. Raises Cut.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if read_bytes < 65_536:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_bytes)
    raw.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(raw, (host, port))
    except OSError:
        raw.close()
        raise
    reader, writer = await asyncio.open_connection(sock=raw, limit=read_bytes)
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    fields = {"host": f"{host}:{port}", "content-type": "application/json", "content-length": str(len(data))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in (fields | (headers or {})).items())
    writer.write(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + data)
    answer = Call(reader, writer)
    try:
        await answer.read_head()
        yield answer
    finally:
        await answer.hang_up()


async def post_json(url: str, body: object, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """Status and decoded body of a whole answer."""
    async with call("POST", url, body, headers) as answer:
        return answer.status, await answer.json()


async def get_json(url: str, headers: dict[str, str] | None = None) -> Any:
    """The decoded body of a GET."""
    async with call("GET", url, None, headers) as answer:
        return await answer.json()
