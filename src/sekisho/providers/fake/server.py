"""Runs the scripted provider on uvicorn.

Must stay true: the app can reach the transport of its connection, because cuts and resets are beyond ASGI.
"""

from __future__ import annotations

import asyncio

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sekisho.providers.fake.app import FakeProvider
from sekisho.providers.fake.caller import TRANSPORT


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol, which lends its transport to the app."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}


def make_server(provider: FakeProvider, host: str, port: int) -> uvicorn.Server:
    """A server that is not yet running; `port` 0 lets the system choose."""
    config = uvicorn.Config(
        provider,
        host=host,
        port=port,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        backlog=4096,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def run(provider: FakeProvider, host: str, port: int) -> None:
    """Serve until interrupted."""
    asyncio.run(make_server(provider, host, port).serve())
