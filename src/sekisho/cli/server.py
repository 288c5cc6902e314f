"""The HTTP server, and how it ends.

Flows in: uvicorn's configuration, signals. Flows out: at SIGTERM first word that it is about to end, while calls are
still taken; then the listener closes and what runs may end. Must stay true: nobody whom a load balancer still sends
here is refused before the balancer had the time to notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from sekisho.api.llm.protocol import BoundedHttpProtocol
from sekisho.config.sections import StopPolicy


class Server(uvicorn.Server):
    """uvicorn's. `stop` is asked at the end how to end; `on_notice` is told when that begins."""

    def __init__(self, config: uvicorn.Config, stop: Callable[[], StopPolicy], on_notice: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop = stop
        self._on_notice = on_notice
        self._in_a_hurry = asyncio.Event()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal: somebody at a terminal does not want to wait."""
        if sig == signal.SIGINT:
            asyncio.get_running_loop().call_soon_threadsafe(self._in_a_hurry.set)
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Give notice, then close and drain."""
        stop = self._stop()
        self._give_notice()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._in_a_hurry.wait(), stop.notice_seconds)
        self.config.timeout_graceful_shutdown = math.ceil(stop.drain_seconds)
        await super().shutdown(sockets)

    def _give_notice(self) -> None:
        self._on_notice()
        protocol = self.config.http_protocol_class
        if issubclass(protocol, BoundedHttpProtocol):
            protocol.ending = True
        for connection in self.server_state.connections:
            if isinstance(connection, BoundedHttpProtocol):
                connection.close_after_answer()
