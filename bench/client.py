"""The load, and what a caller sees of it.

In: a server, one prepared request, how many connections. Out: how long each answer took, or for streams when each
piece arrived after it had left the provider. Runs in this process, on one core with the provider.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

HEAD_END = b"\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
STAMP = re.compile(rb"t=(\d+);")
# A stamp that is cut between two reads is found again with this much of the last read.
STAMP_BYTES_MAX = 32
LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Target:
    """One request to one server."""

    port: int
    path: str
    key: str
    body: bytes

    def request(self) -> bytes:
        head = (
            f"POST {self.path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\nauthorization: Bearer {self.key}\r\n"
            "anthropic-version: 2023-06-01\r\ncontent-type: application/json\r\n"
            f"content-length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


@dataclass
class Seen:
    """What all connections of one load saw together."""

    latencies_ns: list[int] = field(default_factory=list)
    delays_ns: list[int] = field(default_factory=list)
    gaps_ns: list[int] = field(default_factory=list)
    merged: int = 0
    failed: int = 0


class Caller(asyncio.Protocol):
    """One connection that sends the same request again and again, each after the last answer."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(False)

    async def ask(self, request: bytes) -> bool:
        """Send and wait for the whole answer; false where it is not a success."""
        self.done = asyncio.get_running_loop().create_future()
        self.head = b""
        self.tail = b""
        self.missing: int | None = None
        self.last_stamp = 0
        began = time.monotonic_ns()
        self.transport.write(request)
        succeeded = await self.done
        if succeeded:
            self.seen.latencies_ns.append(time.monotonic_ns() - began)
        else:
            self.seen.failed += 1
        return succeeded and not self.transport.is_closing()

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        if self.missing is None and not self.tail:
            data = self.read_head(data)
        if not self.head.endswith(HEAD_END):
            return
        self.read_stamps(data, now)
        if self.missing is not None:
            self.missing -= len(data)
            ended = self.missing <= 0
        else:
            ended = (self.tail + data).endswith(LAST_CHUNK)
        self.tail = (self.tail + data)[-STAMP_BYTES_MAX:]
        if ended and not self.done.done():
            self.done.set_result(self.head.startswith(b"HTTP/1.1 200"))

    def read_head(self, data: bytes) -> bytes:
        """Take the head from the front of the answer, give back what follows it."""
        head, separator, rest = (self.head + data).partition(HEAD_END)
        self.head = head + separator
        if separator and (length := LENGTH.search(self.head)):
            self.missing = int(length.group(1))
        return rest

    def read_stamps(self, data: bytes, now: int) -> None:
        """Times of the pieces in this read. A stream's end may repeat the whole text: old stamps are passed over."""
        stamps = [int(stamp) for stamp in STAMP.findall(self.tail + data)]
        fresh = [stamp for stamp in stamps if stamp > self.last_stamp]
        if not fresh:
            return
        self.seen.merged += len(fresh) - 1
        self.seen.delays_ns += [now - stamp for stamp in fresh]
        if self.last_stamp:
            self.seen.gaps_ns.append(fresh[0] - self.last_stamp)
        self.last_stamp = fresh[-1]


async def connect(target: Target, connections: int, seen: Seen) -> list[Caller]:
    loop = asyncio.get_running_loop()
    callers = []
    for _ in range(connections):
        _transport, caller = await loop.create_connection(lambda: Caller(seen), "127.0.0.1", target.port)
        callers.append(caller)
    return callers


async def drive(target: Target, connections: int, proceed: Callable[[], bool]) -> Seen:
    """Ask over all connections for as long as `proceed()`; a connection that fails is not opened again."""
    seen, request = Seen(), target.request()
    callers = await connect(target, connections, seen)

    async def keep_asking(caller: Caller) -> None:
        while proceed() and await caller.ask(request):
            pass

    await asyncio.gather(*(keep_asking(caller) for caller in callers))
    for caller in callers:
        caller.transport.close()
    return seen


async def drive_once(target: Target, connections: int) -> Seen:
    """Ask once over each connection, all at the same time."""
    seen, request = Seen(), target.request()
    callers = await connect(target, connections, seen)
    await asyncio.gather(*(caller.ask(request) for caller in callers))
    for caller in callers:
        caller.transport.close()
    return seen


def for_seconds(seconds: float) -> Callable[[], bool]:
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() < deadline
