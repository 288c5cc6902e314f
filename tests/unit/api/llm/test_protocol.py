from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from sekisho.api.llm.protocol import BoundedHttpProtocol, patient
from tests.support.caller import silence

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
LONG = 5.0


class Server:
    """Connections of callers, and what their requests came to."""

    def __init__(self, stalled_seconds: float, keep_alive_seconds: float) -> None:
        self.answer_bytes = 0
        #: Of the answer, and how many pieces it comes in.
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces = 1
        self.bodies: list[bytes] = []
        self.state = ServerState()
        self.config = Config(
            self.app,
            interface="asgi3",
            timeout_keep_alive=keep_alive_seconds,  # type: ignore[arg-type]
            log_level="error",
        )
        self.kind = patient(stalled_seconds)
        self.gone = asyncio.Event()

    async def app(self, _scope: object, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        for piece in range(1, self.pieces + 1):
            said = {"type": "http.response.body", "body": b"x" * self.answer_bytes}
            await send(said | {"more_body": piece < self.pieces})

    def protocol(self) -> BoundedHttpProtocol:
        """The one connection of a test."""
        made = self.kind(self.config, self.state, {})
        lost = made.connection_lost

        def connection_lost(exc: Exception | None) -> None:
            lost(exc)
            self.gone.set()

        made.connection_lost = connection_lost  # type: ignore[method-assign]
        return made


@asynccontextmanager
async def connected(
    *, stalled_seconds: float = LONG, keep_alive_seconds: float = LONG, reads_bytes: int = 2**16
) -> AsyncIterator[tuple[Server, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A server and a caller connected to it."""
    server = Server(stalled_seconds, keep_alive_seconds)
    listening = await asyncio.get_running_loop().create_server(server.protocol, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=reads_bytes)
    try:
        yield server, reader, writer
    finally:
        writer.transport.abort()
        listening.close()
        await asyncio.wait_for(server.gone.wait(), LONG)


HEAD = b"POST / HTTP/1.1\r\nhost: x\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


async def test_a_caller_who_takes_nothing_of_its_answer_is_cut_off() -> None:
    """Closing would wait until the caller has taken what is buffered: for ever, with the whole answer in memory."""
    async with connected(stalled_seconds=0.1, keep_alive_seconds=0.1, reads_bytes=1024) as (server, _, writer):
        server.answer_bytes = 20_000_000
        writer.write(HEAD + b"content-length: 0\r\n\r\n")
        await asyncio.wait_for(server.gone.wait(), LONG)
        assert server.bodies == [b""]


async def test_a_caller_who_takes_its_answer_slowly_gets_all_of_it() -> None:
    async with connected(stalled_seconds=0.3, keep_alive_seconds=0.05) as (server, reader, writer):
        server.answer_bytes = 6_000_000
        writer.write(HEAD + b"content-length: 0\r\n\r\n")
        taken = 0
        while piece := await reader.read(400_000):
            taken += len(piece)
            await silence(0.02)
        assert taken > server.answer_bytes


@pytest.mark.parametrize("said", [b"", b"POST / HT", HEAD + b"content-length: 9\r\n\r\nhalf", CHUNKED + b"5\r\nhe"])
async def test_a_caller_who_falls_silent_is_not_waited_for(said: bytes) -> None:
    async with connected(keep_alive_seconds=0.1) as (server, _, writer):
        writer.write(said)
        await asyncio.wait_for(server.gone.wait(), LONG)
        assert server.bodies == []


@pytest.mark.parametrize("pieces", [1, 3, 20])
@pytest.mark.parametrize(("size", "status"), [(60_000, 200), (70_000, 431), (200_000, 431)])
async def test_a_head_over_the_limit_is_refused_however_it_comes(size: int, status: int, pieces: int) -> None:
    """And the body that comes with its end in one read is no part of it."""
    async with connected() as (server, reader, writer):
        request = HEAD + b"x-long: " + b"x" * size + b"\r\ncontent-length: 150000\r\n\r\n" + b"z" * 150_000
        step, line = -(-size // pieces), b""
        with contextlib.suppress(ConnectionError):  # the answer may be lost where more is written after it
            for start in range(0, size, step):
                if not writer.is_closing():
                    writer.write(request[start : start + step])
                    await silence(0.005)
            if not writer.is_closing():
                writer.write(request[start + step :])
            line = await reader.readline()
        assert line.startswith(b"HTTP/1.1 %d " % status) or (line == b"" and status == 431)
        assert server.bodies == ([b"z" * 150_000] if status == 200 else [])


async def test_trailers_without_end_are_cut() -> None:
    """They are kept like the headers of a head, before any key was looked at."""
    async with connected() as (server, reader, writer):
        writer.write(CHUNKED + b"5\r\nhello\r\n0\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(2_000):
                writer.write(b"x-more: " + b"y" * 1_000 + b"\r\n")
                await writer.drain()
        with contextlib.suppress(ConnectionError):
            assert (await reader.read()).startswith(b"HTTP/1.1 431 ")
        assert server.bodies == []


async def test_a_body_in_chunks_is_no_head() -> None:
    """However its chunks lie in the reads."""
    async with connected() as (server, reader, writer):
        chunk = b"12c00\r\n" + b"z" * 0x12C00 + b"\r\n"
        stream = CHUNKED + chunk * 5 + b"0\r\nx-trailer: 1\r\n\r\n"
        for start in range(0, len(stream), 70_001):
            writer.write(stream[start : start + 70_001])
            await writer.drain()
            await silence(0.005)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        assert server.bodies == [b"z" * 0x12C00 * 5]


async def test_a_head_that_comes_letter_by_letter_is_cut() -> None:
    """Each byte of it would else be waited for anew."""
    async with connected() as (server, reader, writer):
        server.kind.head_seconds = LONG  # of connections from now on: this one has it, too
        writer.write(HEAD + b"\r\n" + HEAD)
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LONG)).startswith(b"HTTP/1.1 200")
        server.kind.head_seconds = 0.0
        writer.write(b"\r\n" + HEAD)
        got = await asyncio.wait_for(reader.read(), LONG)
        assert b"HTTP/1.1 400" in got
        assert got.endswith(b"The request's headers took too long.")


async def test_a_body_may_take_longer_than_a_head() -> None:
    async with connected() as (server, reader, writer):
        server.kind.head_seconds = 0.0
        writer.write(CHUNKED)
        await writer.drain()
        for piece in (b"3\r\n", b"abc\r\n", b"0\r\n", b"\r\n"):
            await silence(0.01)
            writer.write(piece)
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n"), LONG)).startswith(b"HTTP/1.1 200")
        assert server.bodies == [b"abc"]


@pytest.mark.parametrize("offer", [b"Upgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n", b"upgrade:h2c \r\n"])
async def test_an_offer_of_http2_is_passed_over(offer: bytes) -> None:
    """Java's HTTP client makes it with its first request, and its body would be lost."""
    body = b"\r\nUpgrade: h2c\r\n"
    length = b"content-length: %d\r\n" % len(body)
    async with connected() as (server, reader, writer):
        writer.write(HEAD + b"Connection: Upgrade, HTTP2-Settings\r\n" + length + offer + b"\r\n" + body)
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n"), LONG)).startswith(b"HTTP/1.1 200")
        writer.write(HEAD + length + b"\r\n" + body)
        while len(server.bodies) < 2:
            await asyncio.wait_for(reader.read(2**16), LONG)
        assert server.bodies == [body, body]


@pytest.mark.parametrize("asks", [b"", b"connection: keep-alive\r\n"], ids=["plain", "keep-alive"])
@pytest.mark.parametrize("headers", [[], [(b"content-length", b"12")]], ids=["stream", "whole"])
async def test_an_answer_to_http_1_0_has_no_chunks_and_ends_with_the_connection(
    headers: list[tuple[bytes, bytes]], asks: bytes
) -> None:
    async with connected() as (server, reader, writer):
        server.answer_bytes, server.pieces, server.headers = 4, 3, headers
        writer.write(b"POST / HTTP/1.0\r\ncontent-length: 2\r\n" + asks + b"\r\nhi")
        head, _, body = (await asyncio.wait_for(reader.read(), LONG)).partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head
        assert b"connection: close" in head
        assert (server.bodies, body) == ([b"hi"], b"x" * 12)


async def test_an_answer_to_http_1_1_without_a_length_comes_in_chunks() -> None:
    async with connected() as (server, reader, writer):
        server.answer_bytes = 4
        writer.write(HEAD + b"content-length: 0\r\n\r\n")
        got = await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), LONG)
        assert b"transfer-encoding: chunked\r\n" in got
        assert got.endswith(b"\r\n\r\n4\r\nxxxx\r\n0\r\n\r\n")
