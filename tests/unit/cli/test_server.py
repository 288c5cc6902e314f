from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from sekisho.api.llm.protocol import BoundedHttpProtocol, patient
from sekisho.cli.server import Server
from sekisho.config.sections import StopPolicy
from tests.support.sse_client import Call, Cut, call
from tests.support.waiting import eventually

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
FOR_EVER = 3600.0


class Running:
    """A server whose answers begin when they may."""

    def __init__(self, stop: StopPolicy) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.waiting = asyncio.Event()
        self.noticed = asyncio.Event()
        self.protocol: type[BoundedHttpProtocol] = patient(60)
        config = uvicorn.Config(
            self.app, interface="asgi3", http=self.protocol, ws="none", lifespan="off", log_level="critical"
        )
        self.server = Server(config, lambda: stop, self.noticed.set)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    async def app(self, _scope: object, _receive: Receive, send: Send) -> None:
        self.waiting.set()
        await self.may_answer.wait()
        head = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"ok"})

    async def serves(self) -> bool:
        """Whether a new connection gets an answer."""
        try:
            async with call("GET", self.url) as answer:
                return await answer.body() == b"ok"
        except (Cut, ConnectionError):
            return False


@asynccontextmanager
async def running(**stop: float) -> AsyncIterator[tuple[Running, asyncio.Task[None]]]:
    """A server, and the task that ends with it. Signals are handed to it, this process gets none."""
    one = Running(StopPolicy(**stop))
    task = asyncio.create_task(one.server._serve([one.listening]))
    try:
        assert await eventually(one.serves, "it serves")
        yield one, task
    finally:
        one.may_answer.set()
        one.server.handle_exit(signal.SIGINT, None)
        one.server.handle_exit(signal.SIGINT, None)
        await asyncio.wait_for(task, 10)


async def test_who_comes_while_it_gives_notice_is_served_for_the_last_time() -> None:
    async with running(notice_seconds=FOR_EVER) as (one, _):
        one.server.handle_exit(signal.SIGTERM, None)
        await asyncio.wait_for(one.noticed.wait(), 10)
        async with call("GET", one.url) as answer:
            assert (await answer.body(), answer.headers["connection"]) == (b"ok", "close")


async def test_connections_are_kept_until_then() -> None:
    async with running(notice_seconds=FOR_EVER) as (one, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", one.listening.getsockname()[1])
        got = []
        for told in (False, True):
            if told:
                one.server.handle_exit(signal.SIGTERM, None)
                await asyncio.wait_for(one.noticed.wait(), 10)
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            got.append(await reader.readuntil(b"\r\n\r\nok"))
        assert [b"connection: close" in each for each in got] == [False, True]
        assert await reader.read() == b"", "it is closed behind the last answer"
        writer.close()


async def test_an_answer_that_has_not_begun_says_that_it_is_the_last() -> None:
    async with running(notice_seconds=FOR_EVER) as (one, _):
        one.may_answer.clear()
        one.waiting.clear()

        async def ask() -> Call:
            async with call("GET", one.url) as answer:
                await answer.body()
                return answer

        asked = asyncio.create_task(ask())
        await asyncio.wait_for(one.waiting.wait(), 10)
        one.server.handle_exit(signal.SIGTERM, None)
        await asyncio.wait_for(one.noticed.wait(), 10)
        one.may_answer.set()
        assert (await asked).headers["connection"] == "close"


async def test_then_it_listens_no_more_and_what_runs_may_end() -> None:
    async with running(notice_seconds=0.05, drain_seconds=60) as (one, task):
        one.may_answer.clear()
        one.waiting.clear()
        asked = asyncio.create_task(one.serves())
        await asyncio.wait_for(one.waiting.wait(), 10)
        one.server.handle_exit(signal.SIGTERM, None)

        async def refuses() -> bool:
            with contextlib.suppress(ConnectionError):
                _, writer = await asyncio.open_connection("127.0.0.1", int(one.url.rpartition(":")[2]))
                writer.close()
                return False
            return True

        assert await eventually(refuses, "new connections are refused")
        assert not task.done()
        one.may_answer.set()
        assert await asked
        await asyncio.wait_for(task, 10)


async def test_what_runs_for_longer_than_it_may_is_cut() -> None:
    async with running(drain_seconds=0.2) as (one, task):
        one.may_answer.clear()
        one.waiting.clear()
        asked = asyncio.create_task(one.serves())
        await asyncio.wait_for(one.waiting.wait(), 10)
        one.server.handle_exit(signal.SIGTERM, None)
        await asyncio.wait_for(task, 10)
        assert not await asked


async def test_nobody_at_a_terminal_waits_for_a_load_balancer() -> None:
    async with running(notice_seconds=FOR_EVER) as (one, task):
        one.server.handle_exit(signal.SIGINT, None)
        await asyncio.wait_for(task, 10)
        assert one.noticed.is_set()
