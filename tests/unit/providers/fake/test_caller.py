from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from sekisho.providers.fake.caller import Caller


class Line:
    """An ASGI server's side: what the caller sends, and what was sent to it."""

    def __init__(self, *messages: MutableMapping[str, Any]) -> None:
        self.incoming: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        for message in messages:
            self.incoming.put_nowait(message)
        self.sent: list[MutableMapping[str, Any]] = []

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.sent.append(message)

    def caller(self) -> Caller:
        headers = [(b"x-fake-status", b"429")]
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/x",
            "raw_path": b"/v1/%78",
            "query_string": b"a=b&c",
            "headers": headers,
        }
        return Caller(scope, self.incoming.get, self.send)


def part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_the_request_line() -> None:
    caller = Line().caller()
    assert (caller.method, caller.path, caller.query) == ("POST", "/v1/x", {"a": "b", "c": ""})
    assert caller.headers == {"x-fake-status": "429"}


async def test_a_body_in_pieces_and_then_a_hang_up() -> None:
    line = Line(part(b"ab", more=True), part(b"c", more=False))
    caller = line.caller()
    assert await caller.body() == b"abc"
    assert not await caller.gone_within(0.01)
    line.incoming.put_nowait({"type": "http.disconnect"})
    assert await caller.gone_within(None)


async def test_a_whole_answer() -> None:
    line = Line()
    await line.caller().answer_json(200, {"a": 1})
    start, body, end = line.sent
    assert (start["status"], (b"content-length", b"7") in start["headers"]) == (200, True)
    assert (body["body"], body["more_body"], end["more_body"]) == (b'{"a":1}', True, False)


async def test_released_it_watches_no_more() -> None:
    line = Line(part(b"", more=False))
    caller = line.caller()
    await caller.body()
    caller.release()
    assert await caller.gone_within(1)
