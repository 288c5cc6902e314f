from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Never

import pytest

from sekisho.core.errors import StreamBroken, UpstreamTimeout, UpstreamUnreachable
from sekisho.upstream.http import HttpRequest, read_all
from sekisho.upstream.plain_client import PlainTransport, is_plain
from tests.support.transport_contract import CONTRACT, MakeTransport, post, turns

WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
async def test_the_contract_of_a_transport(check: object) -> None:
    make: MakeTransport = PlainTransport
    assert await check(make) is None  # type: ignore[operator]


class Server:
    """Says `answers`, one a request, over however many connections; b"" hangs up."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.connections = 0
        self.requests: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.answers:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head + await reader.readexactly(7))
                answer = self.answers.pop(0)
                writer.write(answer)
                if not answer or b"close" in answer:
                    break
            else:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def served(*answers: bytes) -> AsyncIterator[tuple[Server, PlainTransport]]:
    server, transport = Server(*answers), PlainTransport(5, idle_seconds=60)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server, transport
    finally:
        await transport.close()
        listening.close()


async def asked(server: Server, transport: PlainTransport) -> tuple[int, bytes]:
    async with transport.open_stream(post(server.port)) as reply:
        return reply.status, await read_all(reply, 1_000_000)


async def test_a_connection_is_used_again() -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-trailer: 1\r\n\r\n"
    async with served(chunked, b"HTTP/1.1 204 No\r\n\r\n", WHOLE) as (server, transport):
        assert [await asked(server, transport) for _ in range(3)] == [(200, b"ok"), (204, b""), (200, b"ok")]
    assert server.connections == 1
    authority = f"host: 127.0.0.1:{server.port}\r\n".encode()
    assert all(authority in request and b"\r\ncontent-length: 7\r\n" in request for request in server.requests)


@pytest.mark.parametrize(
    "first",
    [
        WHOLE.replace(b"OK\r\n", b"OK\r\nconnection: close\r\n"),
        WHOLE + WHOLE,
        WHOLE.replace(b"1.1", b"1.0"),
    ],
    ids=["it says so", "it says more than was asked", "an old server"],
)
async def test_a_connection_is_not_used_again_where(first: bytes) -> None:
    async with served(first, WHOLE) as (server, transport):
        assert [await asked(server, transport) for _ in range(2)] == [(200, b"ok")] * 2
    assert server.connections == 2


async def test_a_connection_that_was_closed_meanwhile_is_replaced() -> None:
    async with served(WHOLE, WHOLE) as (server, transport):
        async with transport.open_stream(post(server.port)) as reply:
            await read_all(reply, 10)
        [[connection]] = transport._idle.values()
        connection.connection_lost(None)
        assert await asked(server, transport) == (200, b"ok")
    assert server.connections == 2


async def test_a_connection_that_its_server_may_be_about_to_close_is_replaced() -> None:
    """The request would be lost with it, and nobody could say whether it was served."""
    async with served(WHOLE, WHOLE) as (server, transport):
        assert await asked(server, transport) == (200, b"ok")
        [[connection]] = transport._idle.values()
        connection.idle_since -= 61
        assert await asked(server, transport) == (200, b"ok")
        assert connection.lost
    assert server.connections == 2


async def test_what_waited_too_long_for_work_is_closed() -> None:
    async with served(*[WHOLE] * 3) as (server, transport):
        async with transport.open_stream(post(server.port)) as one, transport.open_stream(post(server.port)) as two:
            assert [await read_all(reply, 10) for reply in (one, two)] == [b"ok", b"ok"]
        [idle] = transport._idle.values()
        idle[0].idle_since -= 91
        stale = idle[0]
        assert await asked(server, transport) == (200, b"ok")
        assert (list(idle).count(stale), stale.lost, len(idle)) == (0, True, 1)


async def test_the_answer_behind_an_interim_one_counts() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" + WHOLE
    async with served(early) as (server, transport), transport.open_stream(post(server.port)) as reply:
        assert (reply.status, reply.headers(), reply.header("link")) == (200, [("content-length", "2")], None)


async def test_a_body_may_end_with_its_connection() -> None:
    async with served(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall of it") as (server, transport):
        assert await asked(server, transport) == (200, b"all of it")


async def test_a_body_that_is_cut_is_broken() -> None:
    cut = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 9\r\n\r\nhalf"
    async with served(cut) as (server, transport):
        with pytest.raises(StreamBroken):
            await asked(server, transport)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"x" * 1_000_000,
    ],
    ids=["nothing", "no HTTP", "another protocol", "two lengths", "a head without an end"],
)
async def test_no_answer_is_unreachable(answer: bytes) -> None:
    async with served(answer) as (server, transport):
        with pytest.raises(UpstreamUnreachable, match="without an answer") as refused:
            await asked(server, transport)
    assert refused.value.info.code is None


async def test_a_provider_waits_for_its_reader() -> None:
    size = 20_000_000
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size
    async with served(answer) as (server, transport), transport.open_stream(post(server.port)) as reply:
        await turns(200)
        most, read = 0, 0
        while (piece := await reply.read_chunk()) is not None:
            read += len(piece)
            most = max(most, reply.unread_bytes)
    assert read == size
    assert most < 1_000_000


class NowhereLoop(asyncio.SelectorEventLoop):
    """An event loop of a network that answers nobody."""

    async def create_connection(self, *_: object, **__: object) -> Never:
        await self.create_future()
        raise AssertionError("nobody answers")


def test_no_connection_in_time() -> None:
    with asyncio.Runner(loop_factory=NowhereLoop) as runner, pytest.raises(UpstreamTimeout) as late:
        runner.run(PlainTransport(0.01).open_stream(post(1)).__aenter__())
    assert late.value.info.code == "connect"


@pytest.mark.parametrize("value", ["a\r\nx-two: b", "a\nb", "a\rb"])
async def test_a_header_is_one_line(value: str) -> None:
    request = HttpRequest("POST", "http://127.0.0.1:1/", {"x-one": value}, b"")
    with pytest.raises(ValueError, match="line break"):
        await PlainTransport(5).open_stream(request).__aenter__()


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000/v1", True),
        ("http://vllm.models.svc/v1", True),
        ("https://api.openai.com/v1", False),
        ("http://user:word@host/v1", False),
        ("http://host/v1 x", False),
        ("http://höst/v1", False),
    ],
)
def test_plain_addresses(url: str, *, plain: bool) -> None:
    assert is_plain(url) is plain
