"""What every transport must do, checked over a raw socket server.

In: a transport factory. Out: assertions. The server says what a test tells it, and notes when its peer hangs up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from sekisho.core.errors import StreamBroken, UpstreamUnreachable
from sekisho.upstream.http import HttpRequest, Transport, read_all

MakeTransport = Callable[[float], Transport]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nX-Two: b\r\n\r\n"


class RawServer:
    """One scripted answer a connection. `hung_up` is set when a peer closes before the script is over."""

    def __init__(self, script: Callable[[RawServer, asyncio.StreamWriter], Awaitable[None]]) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.hung_up = asyncio.Event()
        self.go_on = asyncio.Event()
        self.port = 0
        self.tasks: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.add(asyncio.create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up.set()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        self.requests.append(head + await reader.readexactly(length))
        listening = asyncio.create_task(self._listen(reader))
        await self.script(self, writer)
        if not writer.is_closing():
            await writer.drain()
        listening.cancel()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            await reader.read()
        self.hung_up.set()


@asynccontextmanager
async def raw_server(script: Callable[[RawServer, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[RawServer]:
    server = RawServer(script)
    listening = await asyncio.start_server(server.accept, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await asyncio.wait_for(asyncio.gather(*server.tasks, return_exceptions=True), 5)


def post(port: int, body: bytes = b'{"a":1}') -> HttpRequest:
    return HttpRequest("POST", f"http://127.0.0.1:{port}/v1/x", {"x-one": "a"}, body)


async def check_chunks_arrive_as_they_are_sent(make: MakeTransport) -> None:
    async def script(server: RawServer, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"5\r\nhello\r\n")
        await server.go_on.wait()
        writer.write(b"5\r\nworld\r\n0\r\n\r\n")

    async with raw_server(script) as server:
        transport = make(5)
        async with transport.open_stream(post(server.port)) as reply:
            assert (reply.status, reply.header("x-two")) == (200, "b")
            assert ("x-two", "b") in reply.headers()
            assert await asyncio.wait_for(reply.read_chunk(), 5) == b"hello"
            server.go_on.set()
            assert await asyncio.wait_for(reply.read_chunk(), 5) == b"world"
            assert await reply.read_chunk() is None
        await transport.close()
    sent = server.requests[0].lower()
    assert sent.startswith(b"post /v1/x http/1.1")
    assert b"x-one: a" in sent
    assert sent.endswith(b'{"a":1}')


async def check_leaving_early_closes_upstream(make: MakeTransport) -> None:
    async def script(server: RawServer, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"5\r\nhello\r\n")
        await server.hung_up.wait()

    async with raw_server(script) as server:
        transport = make(5)
        async with transport.open_stream(post(server.port)) as reply:
            assert await reply.read_chunk() == b"hello"
        await asyncio.wait_for(server.hung_up.wait(), 1)
        await transport.close()
    assert server.hung_up.is_set()


async def check_a_cancelled_reader_closes_upstream(make: MakeTransport) -> None:
    async def script(server: RawServer, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"5\r\nhello\r\n")
        server.go_on.set()
        await server.hung_up.wait()

    async with raw_server(script) as server:
        transport = make(5)

        async def read() -> None:
            async with transport.open_stream(post(server.port)) as reply:
                while await reply.read_chunk() is not None:
                    pass

        reading = asyncio.create_task(read())
        await asyncio.wait_for(server.go_on.wait(), 5)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await asyncio.wait_for(server.hung_up.wait(), 1)
        await transport.close()
    assert server.hung_up.is_set()


async def turns(count: int) -> None:
    """Let the loop go round so many times."""
    loop = asyncio.get_running_loop()
    for _ in range(count):
        turned = loop.create_future()
        loop.call_soon(turned.set_result, None)
        await turned


async def check_a_cancellation_is_never_lost(make: MakeTransport) -> None:
    """Cancelled at any moment of its first steps, a reader ends: also when a result was just about to be delivered."""

    async def script(server: RawServer, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"5\r\nhello\r\n")
        await server.go_on.wait()

    async with raw_server(script) as server:
        transport = make(5)

        async def read() -> None:
            async with transport.open_stream(post(server.port)) as reply:
                while await reply.read_chunk() is not None:
                    pass

        for count in range(1, 150):
            reading = asyncio.create_task(read())
            await turns(count)
            reading.cancel()
            _, hanging = await asyncio.wait({reading}, timeout=5)
            assert not hanging
            assert reading.cancelled()
        server.go_on.set()
        await transport.close()


async def check_a_cut_is_a_broken_stream(make: MakeTransport) -> None:
    async def script(_server: RawServer, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"5\r\nhello\r\n")
        await writer.drain()
        writer.close()

    async with raw_server(script) as server:
        transport = make(5)
        async with transport.open_stream(post(server.port)) as reply:
            assert await reply.read_chunk() == b"hello"
            with pytest.raises(StreamBroken):
                await reply.read_chunk()
        await transport.close()


async def check_nobody_there_is_unreachable(make: MakeTransport) -> None:
    async def hang_up(_server: RawServer, writer: asyncio.StreamWriter) -> None:
        writer.close()

    transport = make(5)
    async with raw_server(hang_up) as server:
        with pytest.raises(UpstreamUnreachable):
            await transport.open_stream(post(server.port)).__aenter__()
    with pytest.raises(UpstreamUnreachable, match="No connection"):
        await transport.open_stream(post(server.port)).__aenter__()
    await transport.close()


async def check_redirects_are_not_followed_and_nothing_is_decoded(make: MakeTransport) -> None:
    answer = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-encoding: gzip\r\ncontent-length: 6\r\n\r\nno zip"

    async def script(_server: RawServer, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    async with raw_server(script) as server:
        transport = make(5)
        async with transport.open_stream(post(server.port)) as reply:
            assert reply.status == 302
            assert await read_all(reply, 100) == b"no zip"
        await transport.close()
    assert len(server.requests) == 1


CONTRACT = (
    check_chunks_arrive_as_they_are_sent,
    check_leaving_early_closes_upstream,
    check_a_cancelled_reader_closes_upstream,
    check_a_cancellation_is_never_lost,
    check_a_cut_is_a_broken_stream,
    check_nobody_there_is_unreachable,
    check_redirects_are_not_followed_and_nothing_is_decoded,
)
