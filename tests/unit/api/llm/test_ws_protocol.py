from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus

from sekisho.api.llm import ws_protocol
from sekisho.api.llm.websocket import STOPPING
from sekisho.api.llm.ws_protocol import patient_socket
from tests.support.waiting import eventually

Messages = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
LONG = 5.0


class Server:
    """Connections of clients, and what an application that echoes has heard on them."""

    def __init__(self, **options: Any) -> None:
        self.limit_bytes = 1000
        self.refuses = False
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.raised: list[BaseException] = []
        self.state = ServerState()
        socket = patient_socket(lambda: self.limit_bytes)
        config = Config(self.app, interface="asgi3", ws=socket, http="httptools", log_level="error", **options)
        config.load()
        self.config = config

    async def app(self, scope: MutableMapping[str, Any], receive: Messages, send: Send) -> None:
        assert scope["type"] == "websocket"
        if self.refuses:
            await send({"type": "websocket.http.response.start", "status": 401, "headers": []})
            for more in (True, False):
                await send({"type": "websocket.http.response.body", "body": b"no", "more_body": more})
            return
        while True:
            message = await receive()
            self.heard.put_nowait(message["type"])
            if message["type"] == "websocket.connect":
                await send({"type": "websocket.accept"})
            elif message["type"] == STOPPING:
                await self._end(send)
            elif message["type"] == "websocket.disconnect":
                return
            else:
                await send({"type": "websocket.send", "text": message["text"]})

    async def _end(self, send: Send) -> None:
        await send({"type": "websocket.close", "code": 1012})
        try:
            await send({"type": "websocket.send", "text": "late"})
        except OSError as error:
            self.raised.append(error)

    def protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(self.config, self.state, {})  # type: ignore[call-arg]
        return made

    async def next(self) -> str:
        return await asyncio.wait_for(self.heard.get(), LONG)


@asynccontextmanager
async def listening(**options: Any) -> AsyncIterator[tuple[Server, str]]:
    """A server and its address; every connection is over when this ends."""
    server = Server(**options)
    taking = await asyncio.get_running_loop().create_server(server.protocol, "127.0.0.1", 0)
    try:
        yield server, f"ws://127.0.0.1:{taking.sockets[0].getsockname()[1]}/"
    finally:
        taking.close()
        for connection in list(server.state.connections):
            connection.transport.abort()
        await asyncio.wait_for(asyncio.gather(*server.state.tasks), LONG)


@asynccontextmanager
async def connected(**options: Any) -> AsyncIterator[tuple[Server, ClientConnection]]:
    async with listening(**options) as (server, url), connect(url, ping_interval=None, close_timeout=0.1) as client:
        assert await server.next() == "websocket.connect"
        yield server, client


async def test_messages_pass_uncompressed() -> None:
    async with connected(ws_per_message_deflate=False) as (_, client):
        await client.send("x" * 1000)
        assert await client.recv() == "x" * 1000
        assert client.protocol.extensions == []


async def test_a_message_that_is_too_large_ends_the_connection() -> None:
    async with connected() as (server, client):
        await client.send("x" * 1001)
        with pytest.raises(ConnectionClosedError) as closed:
            await client.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
        assert await server.next() == "websocket.disconnect"


async def test_the_limit_is_that_of_the_moment() -> None:
    async with listening() as (server, url):
        server.limit_bytes = 10
        async with connect(url) as client:
            await client.send("x" * 11)
            with pytest.raises(ConnectionClosedError):
                await client.recv()


async def test_a_refused_handshake_is_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    async with listening() as (server, url):
        server.refuses = True
        with pytest.raises(InvalidStatus) as refused:
            await connect(url)
    answer = refused.value.response
    assert (answer.status_code, answer.body) == (401, b"nono")
    assert caplog.records == []


@pytest.mark.parametrize("headers", [[("x-long", "x" * 20_000)], [(f"x-{number}", "1") for number in range(200)]])
async def test_a_handshake_that_is_not_understood_is_answered(headers: list[tuple[str, str]]) -> None:
    async with listening() as (_, url):
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, additional_headers=headers)
    assert refused.value.response.status_code == 431


async def test_a_stop_is_told_and_the_turn_may_end() -> None:
    async with connected() as (server, client):
        for connection in list(server.state.connections):
            connection.shutdown()
        assert await server.next() == STOPPING
        with pytest.raises(ConnectionClosedError) as closed:
            await client.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        assert len(server.raised) == 1


async def test_a_connection_that_ends_anyway_is_stopped() -> None:
    async with connected() as (server, client):
        [connection] = server.state.connections
        client.transport.pause_reading()
        connection.shutdown()
        assert await server.next() == STOPPING
        assert await server.next() == "websocket.disconnect"
        connection.shutdown()
        assert connection.transport.is_closing()


async def test_who_answers_no_ping_is_cut_off() -> None:
    async with connected(ws_ping_interval=0.01, ws_ping_timeout=0.05) as (server, client):
        client.transport.pause_reading()
        assert await server.next() == "websocket.disconnect"
        assert server.state.connections == set()


async def test_who_does_not_close_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ws_protocol, "GRACE_SECONDS", 0.05)
    async with connected() as (server, client):
        client.transport.pause_reading()
        [connection] = server.state.connections
        connection.shutdown()

        async def cut_off() -> bool:
            return not server.state.connections

        await eventually(cut_off, "the connection is cut off")
        assert await server.next() == STOPPING


async def test_who_leaves_is_noticed() -> None:
    async with connected() as (server, client):
        await client.close()
        assert await server.next() == "websocket.disconnect"
        with pytest.raises(ConnectionClosedOK):
            await client.recv()
