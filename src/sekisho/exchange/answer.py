"""The caller's side of one exchange: an ASGI answer that knows whether it has begun and whether anybody listens.

Must stay true: after `finish` nothing is written; a caller who hung up is noticed at once, also while nothing is
being written; writing to a caller who is gone is silently nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

from sekisho.core.clock import Clock

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Headers = list[tuple[bytes, bytes]]


class Answer:
    """One HTTP answer over ASGI."""

    __slots__ = (
        "_clock",
        "_listening",
        "_on_gone",
        "_send",
        "_tasks",
        "finished",
        "first_write_us",
        "gone",
        "headers",
        "request_id",
        "started",
        "status",
    )

    def __init__(self, send: Send, clock: Clock, request_id: str) -> None:
        self._send = send
        self.request_id = request_id
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: asyncio.TimerHandle | None = None
        #: When the first piece of a body was written, in µs since the epoch.
        self.first_write_us: int | None = None
        #: Headers of every answer to this call, whatever becomes of it.
        ident = request_id.encode()
        self.headers: Headers = [(b"x-sekisho-request-id", ident), (b"x-litellm-call-id", ident)]
        self.status = 0
        self.started = False
        self.finished = False
        self.gone = False
        self._on_gone: Callable[[], None] | None = None

    async def begin(self, status: int, headers: Headers) -> None:
        """Send the head of a streamed answer."""
        self.started, self.status = True, status
        await self._send({"type": "http.response.start", "status": status, "headers": self.headers + headers})

    async def write(self, data: bytes) -> None:
        """Send a piece; returns when the caller has room for more."""
        if self.first_write_us is None:
            self.first_write_us = self._clock.now_us()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        """Send the last piece."""
        if self.first_write_us is None:
            self.first_write_us = self._clock.now_us()
        self.finished = True
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        """Send an answer in one piece."""
        await self.begin(status, [*headers, (b"content-length", b"%d" % len(body))])
        await self.finish(body)

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the exchange that writes to this answer."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end_background(self) -> None:
        """The exchange is over: nothing beside it goes on."""
        if self._listening is not None:
            self._listening.cancel()
        for task in self._tasks:
            task.cancel()

    def when_gone(self, act: Callable[[], None] | None) -> None:
        """What to do when the caller hangs up before the answer is finished; at once, if that has happened."""
        self._on_gone = act
        if self.gone and act is not None:
            act()

    def listen_after(self, seconds: float, receive: Receive) -> None:
        """From then on, notice a caller who hangs up. Its messages must have been received."""
        loop = asyncio.get_running_loop()
        self._listening = loop.call_later(seconds, lambda: self.in_background(self.listen(receive)))

    async def listen(self, receive: Receive) -> None:
        """Wait until the caller hangs up or has the whole answer; run as a task beside the exchange."""
        while (await receive())["type"] != "http.disconnect":
            pass
        if not self.finished:
            self.gone = True
            if self._on_gone is not None:
                self._on_gone()
