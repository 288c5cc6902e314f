from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sekisho.app import Application
from tests.support.caller import Caller
from tests.support.ledger import open_database, stored_calls
from tests.support.stations import body_of
from tests.support.tcp_server import tcp_server
from tests.support.wires import DIALECTS, is_error, stream_events, text_of

PATHS = {
    "anthropic-messages": "/v1/messages",
    "openai-chat": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
}
SERVED_BY = {"anthropic-messages": "anthropic/claude-sonnet-4-5"}


class Lifespan:
    """The server's side of the lifespan."""

    def __init__(self, app: Application) -> None:
        self._said: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._heard: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._task = asyncio.create_task(app({"type": "lifespan"}, self._said.get, self._heard.put))

    async def say(self, what: str) -> None:
        self._said.put_nowait({"type": f"lifespan.{what}"})
        assert (await asyncio.wait_for(self._heard.get(), 10))["type"] == f"lifespan.{what}.complete"


@asynccontextmanager
async def speaking_half(dialect: str, speaks: asyncio.Event) -> AsyncIterator[int]:
    """A provider that says the beginning of an answer and then nothing more."""
    events = stream_events(dialect)
    enough = next(count for count in range(len(events)) if text_of(dialect, b"".join(events[:count])))
    beginning = b"".join(events[:enough])

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" + beginning)
        await writer.drain()
        speaks.set()
        await reader.read()

    async with tcp_server(handle) as port:
        yield port


def config_for(folder: Path, dialect: str, port: int) -> Path:
    base = f"http://127.0.0.1:{port}" + ("" if dialect == "anthropic-messages" else "/v1")
    params = {"model": SERVED_BY.get(dialect, "openai/gpt-4.1-mini"), "api_base": base, "api_key": "sk-provider"}
    path = folder / "config.yaml"
    path.write_text(json.dumps({"model_list": [{"model_name": "m", "litellm_params": params}]}))
    return path


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_stop_in_the_middle_of_a_stream_is_told_and_booked(tmp_path: Path, dialect: str) -> None:
    """Uvicorn cancels what still runs and, without waiting for it, ends the lifespan: the ledger must not be closed
    before the call is settled, or what was seen of it is lost.
    """
    speaks, caller = asyncio.Event(), Caller()
    scope = {
        "type": "http",
        "path": PATHS[dialect],
        "method": "POST",
        "headers": [(b"authorization", b"Bearer sk-master")],
    }
    said: list[MutableMapping[str, Any]] = [{"type": "http.request", "body": body_of(dialect), "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        return said.pop() if said else await caller.receive()

    async with speaking_half(dialect, speaks) as port:
        config = config_for(tmp_path, dialect, port)
        app = Application(config, {"LITELLM_MASTER_KEY": "sk-master"}, tmp_path / "data")
        lifespan = Lifespan(app)
        await lifespan.say("startup")
        relayed = asyncio.Event()
        caller.on_message = lambda count: relayed.set() if count >= 2 else None
        calling = asyncio.create_task(app(scope, receive, caller.send))
        await asyncio.wait_for(relayed.wait(), 10)
        calling.cancel()
        await lifespan.say("shutdown")
    assert calling.done()
    assert not calling.cancelled(), "or the server prints where it was"
    assert is_error(dialect, caller.pieces[-1])
    assert caller.finished
    db = open_database(tmp_path / "data")
    [row] = stored_calls(db)
    db.close()
    assert (row["status"], row["usage_complete"], row["error_class"]) == ("incomplete", False, "internal")
    assert row["output_tokens"] > 0
