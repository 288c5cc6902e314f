"""A TCP proxy that damages what flows back to the client: cut, reset, stall, half-close, slow reading.

In: the address behind it and one Fault. Out: a port. Bytes are counted from the server's answer, whatever they mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from tests.support.tcp_server import tcp_server

_PIECE_BYTES = 65_536


@dataclass(frozen=True)
class Fault:
    """What happens after `after_bytes` of an answer. `slow`: `bytes_per_turn` are read every `pause_seconds`.

    `close` ends both ways, `half_close` only the way to the client (which may still send), `reset` is a TCP reset,
    `stall` keeps the connection open in silence.
    """

    kind: Literal["none", "close", "half_close", "reset", "stall", "slow"] = "none"
    after_bytes: int = 0
    bytes_per_turn: int = 64
    pause_seconds: float = 0.005


class FaultProxy:
    """The proxy. `fault` may be changed at any time; connections made afterwards have it."""

    def __init__(self, host: str, port: int) -> None:
        self.behind = (host, port)
        self.fault = Fault()
        self.connections = 0
        self.port = 0

    @property
    def url(self) -> str:
        """Where the proxy listens."""
        return f"http://127.0.0.1:{self.port}"

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection."""
        self.connections += 1
        server_reader, server_writer = await asyncio.open_connection(*self.behind)
        up = asyncio.create_task(_copy(reader, server_writer))
        try:
            await self._damage(server_reader, writer, self.fault)
        finally:
            up.cancel()
            server_writer.transport.abort()
            await asyncio.gather(up, server_writer.wait_closed(), return_exceptions=True)

    async def _damage(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: Fault) -> None:
        left = fault.after_bytes if fault.kind not in ("none", "slow") else None
        size = fault.bytes_per_turn if fault.kind == "slow" else _PIECE_BYTES
        while left != 0:
            data = await reader.read(size if left is None else min(size, left))
            if not data:
                writer.close()
                return
            left = None if left is None else left - len(data)
            writer.write(data)
            await writer.drain()
            if fault.kind == "slow":
                await _silence(fault.pause_seconds)
        await _end(writer, fault)


async def _end(writer: asyncio.StreamWriter, fault: Fault) -> None:
    if fault.kind == "stall":
        await _silence(None)
    elif fault.kind == "half_close":
        writer.write_eof()
        await _silence(None)
    elif fault.kind == "reset":
        with socket.socket(fileno=socket.dup(writer.get_extra_info("socket").fileno())) as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()


async def _silence(seconds: float | None) -> None:
    """Nothing for so long; for ever with None, until the proxy closes."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_PIECE_BYTES):
        writer.write(data)
        await writer.drain()


@asynccontextmanager
async def fault_proxy(port: int, listen_port: int = 0) -> AsyncIterator[FaultProxy]:
    """A running proxy in front of `port`, on a free port where none is given."""
    proxy = FaultProxy("127.0.0.1", port)
    async with tcp_server(proxy.accept, listen_port) as proxy.port:
        yield proxy
