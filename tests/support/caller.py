"""The ASGI server's side of one call, and a caller who listens, dawdles or hangs up.

In: what a test wants it to do. Out: the messages it took. Strict as a server: messages out of order fail the test.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, MutableMapping
from typing import Any

import msgspec


async def silence(seconds: float | None) -> None:
    """Nothing for so long; for ever with None."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)


class Caller:
    """The ASGI server's side of one call. `on_message` is called with the number of messages sent so far."""

    def __init__(self) -> None:
        self.messages: list[MutableMapping[str, Any]] = []
        self.on_message: Callable[[int], object] = int
        #: From this message on nothing is taken until the caller has hung up.
        self.takes: int | None = None
        #: How long it takes over each message.
        self.pause_seconds = 0.0
        #: Set while something waits to be taken.
        self.stuck = asyncio.Event()
        self._gone = asyncio.Event()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """What uvicorn does: refuse what is out of order, wait while the caller takes nothing."""
        if self._gone.is_set():
            return
        kinds = [seen["type"] for seen in self.messages]
        assert (message["type"] == "http.response.start") == (not kinds), f"{message['type']} after {kinds}"
        assert not self.finished, "nothing may follow the end of an answer"
        if self.takes is not None and len(self.messages) >= self.takes:
            self.stuck.set()
            await self._gone.wait()
        if self.pause_seconds:
            await silence(self.pause_seconds)
        if not self._gone.is_set():
            self.messages.append(message)
            self.on_message(len(self.messages))

    async def receive(self) -> MutableMapping[str, Any]:
        """The caller says nothing until it hangs up."""
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def hang_up(self) -> None:
        """From now on the caller is gone."""
        self._gone.set()

    @property
    def left(self) -> bool:
        """Whether the caller has hung up."""
        return self._gone.is_set()

    @property
    def finished(self) -> bool:
        """Whether the answer has its end."""
        return bool(self.messages) and self.messages[-1].get("more_body") is False

    @property
    def status(self) -> int:
        """The status of the answer, 0 without one."""
        return int(self.messages[0]["status"]) if self.messages else 0

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer."""
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]} if self.messages else {}

    @property
    def pieces(self) -> list[bytes]:
        """The body as it was sent."""
        return [message["body"] for message in self.messages[1:]]

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        """The whole body, decoded."""
        return msgspec.json.decode(self.body)
