from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from sekisho.core.errors import UpstreamUnreachable
from sekisho.upstream.aiohttp_client import AiohttpTransport
from sekisho.upstream.client import ReqwestTransport
from sekisho.upstream.http import NO_CONNECTION, HttpRequest, Transport
from sekisho.upstream.plain_client import PlainTransport
from tests.support.ports import free_port
from tests.support.tcp_server import tcp_server

HEAD = "HTTP/1.1 200 OK\r\nvia: 東京\r\nx-request-id: r1\r\ncontent-length: 0\r\nx-two: a\r\nx-two: b\r\n\r\n"


async def test_a_header_that_is_not_ascii_spoils_no_other() -> None:
    """A proxy's own header would else fail every call."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD.encode())
        await writer.drain()

    transport = ReqwestTransport(3)
    async with tcp_server(handle) as port:
        request = HttpRequest("POST", f"http://127.0.0.1:{port}/", {}, b"{}")
        async with transport.open_stream(request) as reply:
            headers = reply.headers()
            assert ("x-request-id", "r1") in headers
            assert "via" not in dict(headers)
            assert (reply.header("via"), reply.header("x-request-id")) == (None, "r1")
    await transport.close()


@pytest.mark.parametrize("make", [ReqwestTransport, PlainTransport, AiohttpTransport])
@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\ncont"])
async def test_a_connection_lost_after_the_request_may_be_billed(
    make: Callable[[float], Transport], said: bytes
) -> None:
    """Only where there never was one is a call known not to have reached its provider."""
    heard: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"{}"))
        writer.write(said)

    transport = make(3)
    async with tcp_server(handle) as port:
        with pytest.raises(UpstreamUnreachable) as lost:
            async with transport.open_stream(HttpRequest("POST", f"http://127.0.0.1:{port}/", {}, b"{}")):
                pass
    assert (len(heard), lost.value.info.code) == (1, None)
    with pytest.raises(UpstreamUnreachable) as never:
        async with transport.open_stream(HttpRequest("POST", f"http://127.0.0.1:{free_port()}/", {}, b"{}")):
            pass
    assert never.value.info.code == NO_CONNECTION
    await transport.close()
