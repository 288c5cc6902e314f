from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import zstandard

from sekisho.api.llm.body import BodyBudget, IncomingBody
from sekisho.app import Application
from sekisho.core.errors import MalformedRequest, Overloaded
from tests.support.application import MASTER, ask, running
from tests.support.caller import Caller


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Application]:
    async with running(tmp_path) as application:
        yield application


def speaking(*pieces: bytes) -> Any:
    """A caller who says these pieces, and is not done."""
    said = list(pieces)

    async def receive() -> MutableMapping[str, Any]:
        if said:
            return {"type": "http.request", "body": said.pop(0), "more_body": True}
        await asyncio.get_running_loop().create_future()
        raise AssertionError("a caller who is silent says nothing")

    return receive


async def test_what_is_still_on_its_way_counts_too() -> None:
    """Many callers who each send all but the last byte would else hold any amount of memory."""
    budget = BodyBudget(limit_bytes=100)
    slow = IncomingBody(speaking(b"x" * 60), {}, 80, budget)
    reading = asyncio.create_task(slow.read())
    await asyncio.sleep(0)
    other = IncomingBody(speaking(b"x" * 30, b"x" * 30), {}, 80, budget)
    with pytest.raises(Overloaded):
        await asyncio.wait_for(other.read(), 5)
    assert budget.held_bytes == 90
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    slow.release()
    other.release()
    other.release()
    assert (budget.held_bytes, budget.empty.is_set()) == (0, True)


async def test_what_a_body_unpacks_to_counts_too() -> None:
    budget = BodyBudget(limit_bytes=1_000)
    packed = gzip.compress(b"x" * 2_000)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": packed, "more_body": False}

    with pytest.raises(Overloaded):
        await IncomingBody(receive, {"content-encoding": "gzip"}, 5_000, budget).read()


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
async def test_it_counts_while_it_is_being_unpacked(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    """A thousand callers with a few kilobytes each, all of them unpacked in turns, would else hold any amount."""
    budget, packed, size_bytes = BodyBudget(), pack(bytes(4_000_000)), 4_000_000
    held: set[int] = set()

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": packed, "more_body": False}

    incoming = IncomingBody(receive, {"content-encoding": encoding}, size_bytes, budget)
    reading = asyncio.create_task(incoming.read())
    while not reading.done():
        held.add(budget.held_bytes)
        await asyncio.sleep(0)
    assert len(reading.result()) == size_bytes == budget.held_bytes
    assert any(len(packed) < each < size_bytes for each in held)


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(b"{}") + b"more",
        gzip.compress(b"{}") + bytes(2_000_000),
        gzip.compress(b"{}")[:-1],
        gzip.compress(bytes(900_000))[:-8],
        zlib.compress(b"{}", wbits=15) + b"x",
        b"",
    ],
    ids=["more", "much more", "no end", "no checksum", "deflate and more", "nothing"],
)
async def test_a_packed_body_ends_where_it_ends(packed: bytes) -> None:
    """What stands behind its end would be copied for each slice of it: 32 MB of it took seconds."""

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": packed, "more_body": False}

    encoding = "deflate" if packed[:1] == b"x" else "gzip"
    with pytest.raises(MalformedRequest, match=f"not valid {encoding}"):
        await IncomingBody(receive, {"content-encoding": encoding}, 5_000_000, BodyBudget()).read()


@pytest.mark.parametrize("headers", [[], [(b"authorization", b"Bearer sk-nobody")]])
async def test_of_a_strangers_body_nothing_is_held(app: Application, headers: list[tuple[bytes, bytes]]) -> None:
    """Nor waited for, nor unpacked: it is answered by its headers alone."""
    caller = Caller()
    scope = {"type": "http", "method": "POST", "path": "/v1/messages", "headers": headers}

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError("the body was asked for")

    await asyncio.wait_for(app(scope, receive, caller.send), 5)
    assert (caller.status, caller.json["error"]["type"]) == (401, "authentication_error")


async def test_a_caller_who_left_before_its_body_was_here_is_recorded(app: Application) -> None:
    caller = Caller()
    caller.hang_up()
    headers = [(b"authorization", b"Bearer " + MASTER.encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/messages", "headers": headers}
    await asyncio.wait_for(app(scope, caller.receive, caller.send), 5)
    assert caller.messages == []
    [row] = (await ask(app, "GET", "/spend/logs")).json
    assert row["metadata"]["sekisho"]["error_class"] == "client_closed"
