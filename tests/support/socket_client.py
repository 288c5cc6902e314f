"""The ASGI server's side of one WebSocket: what a client says, leaves, and what it was told.

In: messages of the client, as values. Out: the events it got. Strict as a server: messages out of order fail the test.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping
from typing import Any

import msgspec

from tests.support.stations import MASTER

#: What ends a turn.
ENDS = ("response.completed", "response.incomplete", "response.failed", "error")


class SocketClient:
    """A WebSocket as a server shows it to an application."""

    def __init__(self, path: str = "/v1/responses", headers: Mapping[str, str] | None = None) -> None:
        sent = {"authorization": f"Bearer {MASTER}"} if headers is None else headers
        self.scope: dict[str, Any] = {
            "type": "websocket",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }
        self._incoming: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._incoming.put_nowait({"type": "websocket.connect"})
        self.told: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self.accepted = False
        self.close_code: int | None = None
        self._left = False
        #: Cleared, it takes nothing.
        self.takes = asyncio.Event()
        self.takes.set()

    async def receive(self) -> MutableMapping[str, Any]:
        """The application waits for the client."""
        return await self._incoming.get()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """The application tells the client something."""
        kind = message["type"]
        await self.takes.wait()
        if self._left:
            raise OSError
        assert self.close_code is None, f"{kind} after the close"
        if kind == "websocket.accept":
            assert not self.accepted
            self.accepted = True
        elif kind == "websocket.close":
            self.close_code = message["code"]
        else:
            assert self.accepted == (kind == "websocket.send"), kind
        self.told.put_nowait(message)

    async def connected(self) -> None:
        """Wait until the application has taken the connection."""
        async with asyncio.timeout(10):
            message = await self.told.get()
        assert message["type"] == "websocket.accept", message

    async def refusal(self) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and body of the answer to a handshake that was not taken."""
        async with asyncio.timeout(10):
            head, body = await self.told.get(), await self.told.get()
        assert (head["type"], body["type"]) == ("websocket.http.response.start", "websocket.http.response.body")
        headers = {name.decode(): value.decode() for name, value in head["headers"]}
        return head["status"], headers, msgspec.json.decode(body["body"])

    def say(self, message: dict[str, Any] | bytes | str) -> None:
        """A message of the client: an object as JSON, bytes as a binary message."""
        key = "bytes" if isinstance(message, bytes) else "text"
        data = msgspec.json.encode(message).decode() if isinstance(message, dict) else message
        self._incoming.put_nowait({"type": "websocket.receive", key: data})

    def hear(self, message: MutableMapping[str, Any]) -> None:
        """A message of the server itself."""
        self._incoming.put_nowait(message)

    def leave(self) -> None:
        """The client is gone."""
        self._left = True
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def event(self) -> dict[str, Any]:
        """The next event."""
        async with asyncio.timeout(10):
            message = await self.told.get()
            if message["type"] == "websocket.accept":
                message = await self.told.get()
        assert message["type"] == "websocket.send", message
        event: dict[str, Any] = msgspec.json.decode(message["text"])
        return event

    async def turn(self, **fields: Any) -> list[dict[str, Any]]:
        """Ask for a turn; its events."""
        self.say({"type": "response.create"} | fields)
        return await self.rest()

    async def rest(self) -> list[dict[str, Any]]:
        """The events up to the end of the turn."""
        events = [await self.event()]
        while events[-1]["type"] not in ENDS:
            events.append(await self.event())
        return events
