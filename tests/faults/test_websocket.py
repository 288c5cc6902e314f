"""Responses over a WebSocket, with a real client, the real program and a provider that a test controls."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from tests.support.gateway import MODELS, Gateway, Row, config_for
from tests.support.provider import RunningProvider
from tests.support.waiting import eventually

ENDS = ("response.completed", "response.incomplete", "response.failed", "error")
BOTH = pytest.mark.parametrize("model", MODELS)


@asynccontextmanager
async def connected(gate: Gateway, name: str = "") -> AsyncIterator[ClientConnection]:
    """A client with a key of its own; `name` is what the ledger calls its calls."""
    called = msgspec.json.encode({"call": name}).decode()
    headers = {"authorization": f"Bearer {await gate.make_key()}", "x-litellm-spend-logs-metadata": called}
    async with connect(address_of(gate), additional_headers=headers) as client:
        yield client


def address_of(gate: Gateway) -> str:
    return f"ws://127.0.0.1:{gate.port}/v1/responses"


async def ask(client: ClientConnection, **fields: Any) -> None:
    await client.send(msgspec.json.encode({"type": "response.create"} | fields).decode())


async def answer(client: ClientConnection) -> list[dict[str, Any]]:
    """The events of a turn."""
    events: list[dict[str, Any]] = [msgspec.json.decode(await client.recv())]
    while events[-1]["type"] not in ENDS:
        events.append(msgspec.json.decode(await client.recv()))
    return events


@BOTH
async def test_turns_go_on_from_each_other_and_past_a_refusal(gate: Gateway, fake: RunningProvider, model: str) -> None:
    async with connected(gate) as client:
        await ask(client, model=model, input="Hi [fake: chunks=3]", generate=False, store=False)
        warm = (await answer(client))[-1]["response"]
        assert warm["output"] == []
        await ask(client, model=model, input="Now [fake: chunks=3]", previous_response_id=warm["id"], store=False)
        first = (await answer(client))[-1]["response"]
        assert first["output"][-1]["content"][0]["text"] == "word1 word2 word3 "
        await ask(client, model=model, input="[fake: status=429 retry_after=7]", previous_response_id=first["id"])
        [refused] = await answer(client)
        assert (refused["type"], refused["status"], refused["headers"]["retry-after"]) == ("error", 429, "7")
        await ask(client, model=model, input="Again [fake: chunks=2]", previous_response_id=first["id"])
        assert (await answer(client))[-1]["type"] == "response.completed"
    sent = msgspec.json.encode(fake.app.book.requests[-1].body).decode()
    places = [sent.index(said) for said in ("Hi [fake", "Now [fake", "word1 word2 word3", "Again [fake")]
    assert places == sorted(places)
    assert "status=429" not in sent


@BOTH
async def test_a_client_who_is_gone_in_the_middle_is_booked(gate: Gateway, model: str) -> None:
    name = f"gone-{model}"
    async with connected(gate, name) as client:
        await ask(client, model=model, input="[fake: chunks=5000 delay_ms=20]")
        event: dict[str, Any] = {}
        while event.get("type") != "response.output_text.delta":
            event = msgspec.json.decode(await client.recv())
        client.transport.abort()

    async def booked() -> list[Row]:
        return [row for row in await gate.rows() if row.name == name]

    [row] = await eventually(booked, "a row of the turn that was left")
    assert (row.status, row.error_class, row.completion_tokens > 0) == ("incomplete", "client_closed", True)


async def test_who_has_no_key_is_told_so_by_http(gate: Gateway) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(address_of(gate))
    assert refused.value.response.status_code == 401
    assert b"no key was sent" in refused.value.response.body


async def test_a_stop_lets_a_turn_end(fake: RunningProvider, tmp_path: Path) -> None:
    own = Gateway(tmp_path, config_for(fake.url))
    own.process.start()
    try:
        await own.ready()
        async with connected(own) as idle, connected(own) as client:
            await ask(client, model="gpt-test", input="[fake: chunks=20 delay_ms=20]")
            await client.recv()
            own.process.signal(signal.SIGTERM)
            assert (await answer(client))[-1]["type"] == "response.completed"
            for each in (client, idle):
                with pytest.raises(ConnectionClosedError) as closed:
                    await each.recv()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1012
    finally:
        own.process.stop()
