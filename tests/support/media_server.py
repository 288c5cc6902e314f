"""A web server of a test: files by path, as raw as a test wants them.

In: path -> what to answer. Out: a port, and the requests that came.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from tests.support.tcp_server import tcp_server

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))
PDF = b"%PDF-1.7\n" + bytes(range(64))

#: Whole bytes of an answer, or something that writes them itself.
Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


class MediaServer:
    """What was asked of it: each request's head, in order."""

    def __init__(self) -> None:
        self.port = 0
        self.heads: list[str] = []

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


def answer(body: bytes = b"", status: int = 200, **headers: str) -> bytes:
    """An answer's bytes, its length said unless `content_length` is given."""
    lines = {"content-length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body


@asynccontextmanager
async def media_server(files: Mapping[str, Answer], tls: ssl.SSLContext | None = None) -> AsyncIterator[MediaServer]:
    """Serve `files` on loopback; what is not among them is 404."""
    server = MediaServer()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        server.heads.append(head)
        found = files.get(head.split(" ")[1].partition("?")[0], answer(status=404))
        if isinstance(found, bytes):
            writer.write(found)
            await writer.drain()
        else:
            await found(writer)

    async with tcp_server(handle, tls=tls) as port:
        server.port = port
        yield server
