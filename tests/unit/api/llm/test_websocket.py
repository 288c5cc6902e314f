from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from sekisho.api.llm.endpoint import Endpoint
from sekisho.api.llm.websocket import (
    NORMAL,
    POLICY_VIOLATION,
    SERVICE_RESTART,
    STOPPING,
    TRY_AGAIN_LATER,
    WAITING_MAX,
)
from sekisho.core.errors import StreamBroken
from sekisho.exchange.watchdog import Timeouts
from sekisho.providers.deployment import Deployment
from sekisho.wire.sse import sse_event
from tests.support.key_desk import KeyDesk
from tests.support.socket_client import SocketClient
from tests.support.stations import PATIENT, Script, ScriptedTransport, Stage, refusal, speaking, stage_in
from tests.support.waiting import eventually
from tests.support.wires import WORDS, stream_body, stream_events

DIALECT = "openai-responses"
#: Served by a provider of the same dialect, and by one of another.
BOTH = pytest.mark.parametrize("upstream", [DIALECT, "anthropic-messages"])


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_in(tmp_path_factory.mktemp("stage")) as made:
        yield made


class Served:
    """A client, and what stands behind the socket."""

    def __init__(self, endpoint: Endpoint, transport: ScriptedTransport, client: SocketClient) -> None:
        self.endpoint = endpoint
        self.transport = transport
        self.client = client
        self.serving: asyncio.Task[None]

    def sent(self, at: int = -1) -> dict[str, Any]:
        """The body that a provider was sent."""
        read: dict[str, Any] = msgspec.json.decode(self.transport.requests[at].body)
        return read

    async def over(self) -> None:
        """Wait until the connection is over."""
        async with asyncio.timeout(10):
            await self.serving


@asynccontextmanager
async def serving(
    stage: Stage,
    *scripts: Script,
    to: Deployment | None = None,
    limit_bytes: int = 1 << 20,
    timeouts: Timeouts = PATIENT,
    **asks: Any,
) -> AsyncIterator[Served]:
    """A client whose turns are served by `scripts`; it has left when this ends. `asks`: see SocketClient."""
    stage.book.happened, stage.book.intents, stage.book.rows = [], [], []
    transport = ScriptedTransport(scripts, stage.book.happened)
    gateway = stage.gateway(to or speaking(DIALECT), transport=transport, timeouts=timeouts)
    endpoint = Endpoint(lambda: gateway, lambda: limit_bytes, lambda: True)
    served = Served(endpoint, transport, SocketClient(**asks))
    client = served.client
    served.serving = asyncio.create_task(served.endpoint.socket(client.scope, client.receive, client.send))
    try:
        yield served
        client.leave()
        await served.over()
        assert served.endpoint._budget.held_bytes == 0
        assert served.endpoint._memory.size_bytes == 0
    finally:
        client.takes.set()
        served.serving.cancel()


def said(events: list[dict[str, Any]]) -> str:
    return "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")


@BOTH
async def test_two_turns_of_one_conversation(stage: Stage, upstream: str) -> None:
    scripts = [Script([stream_body(upstream)]) for _ in range(2)]
    async with serving(stage, *scripts, to=speaking(upstream)) as served:
        events = await served.client.turn(model="m", input="Hi", store=False)
        assert (said(events), events[-1]["type"]) == ("".join(WORDS), "response.completed")
        previous = events[-1]["response"]["id"]
        again = await served.client.turn(model="m", input="Go on", store=False, previous_response_id=previous)
        assert again[-1]["type"] == "response.completed"
    turns = served.sent()["messages" if upstream != DIALECT else "input"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert "".join(WORDS).strip() in msgspec.json.encode(turns).decode()
    assert "previous_response_id" not in served.sent()
    assert [row.status for row in stage.book.rows] == ["success", "success"]
    assert [row.input_tokens for row in stage.book.rows] == [100, 100]


async def test_each_event_is_one_message_however_the_stream_was_cut(stage: Stage) -> None:
    whole = stream_body(DIALECT)
    pieces = [whole[at : at + 7] for at in range(0, len(whole), 7)]
    async with serving(stage, Script(pieces)) as served:
        events = await served.client.turn(model="m", input="Hi")
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert len(events) == len(stream_events(DIALECT))


async def test_events_without_names_and_the_end_of_chats(stage: Stage) -> None:
    bare = b"".join(event[event.index(b"data:") :] for event in stream_events(DIALECT)) + b"data: [DONE]\n\n"
    async with serving(stage, Script([bare]), Script([bare])) as served:
        first = await served.client.turn(model="m", input="Hi")
        await served.client.turn(model="m", previous_response_id=first[-1]["response"]["id"])
    assert len(served.sent()["input"]) == 2


async def test_a_warm_up_asks_no_provider(stage: Stage) -> None:
    async with serving(stage, Script([stream_body(DIALECT)])) as served:
        events = await served.client.turn(model="m", input=[{"role": "user", "content": "Hi"}], generate=False)
        assert events[-1]["response"]["output"] == []
        assert served.transport.requests == []
        await served.client.turn(model="m", input="Go on", previous_response_id=events[-1]["response"]["id"])
    assert [item["content"] for item in served.sent()["input"]] == ["Hi", "Go on"]
    assert [(row.operation, row.cost_nano_usd == 0) for row in stage.book.rows] == [
        ("warm_up", True),
        ("generate", False),
    ]


async def test_a_warm_up_for_a_model_that_is_not_there_is_refused(stage: Stage) -> None:
    async with serving(stage) as served:
        [event] = await served.client.turn(model="nobody", generate=False)
    assert (event["type"], event["status"], event["error"]["param"]) == ("error", 404, "model")


async def test_receipts_are_taken_without_a_word(stage: Stage) -> None:
    async with serving(stage, Script([stream_body(DIALECT)])) as served:
        served.client.say({"type": "response.processed", "response_id": "r1"})
        events = await served.client.turn(model="m", input="Hi")
    assert events[0]["type"] == "response.created"
    assert len(stage.book.rows) == 1


async def test_a_binary_message_is_read_as_text(stage: Stage) -> None:
    async with serving(stage, Script([stream_body(DIALECT)])) as served:
        served.client.say(msgspec.json.encode({"type": "response.create", "model": "m", "input": "Hi"}))
        assert (await served.client.rest())[-1]["type"] == "response.completed"


@pytest.mark.parametrize(
    "wrong",
    ["", "[]", "{", '"text"', '{"type":"response.create"}', '{"type":"session.update"}', '{"a":' + "[" * 1_015],
    ids=lambda text: text[:40],
)
async def test_what_is_no_turn_is_refused_and_the_next_one_served(stage: Stage, wrong: str) -> None:
    async with serving(stage, Script([stream_body(DIALECT)])) as served:
        served.client.say(wrong)
        event = await served.client.event()
        assert (event["type"], event["status"], event["error"]["type"]) == ("error", 400, "invalid_request_error")
        assert event["message"] == event["error"]["message"]
        assert (await served.client.turn(model="m", input="Hi"))[-1]["type"] == "response.completed"
    assert [row.status for row in stage.book.rows] == ["failure", "success"]


async def test_what_was_forgotten_is_refused_by_its_code(stage: Stage) -> None:
    async with serving(stage) as served:
        [event] = await served.client.turn(model="m", input="Hi", previous_response_id="r0")
    assert (event["status"], event["code"]) == (400, "previous_response_not_found")


@BOTH
async def test_a_refusal_of_the_provider_is_told_with_status_and_headers(stage: Stage, upstream: str) -> None:
    error = {"type": "rate_limit_error", "message": "slow down", "code": "rate_limit_exceeded"}
    limited = refusal(429, {"type": "error", "error": error}, retry_after="7")
    async with serving(stage, limited, Script([stream_body(upstream)]), to=speaking(upstream)) as served:
        [event] = await served.client.turn(model="m", input="Hi")
        assert (event["type"], event["status"], event["message"]) == ("error", 429, "slow down")
        assert event["headers"]["retry-after"] == "7"
        assert event["headers"]["x-sekisho-request-id"] == stage.book.rows[0].call_id
        assert (await served.client.turn(model="m", input="Hi"))[-1]["type"] == "response.completed"


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"error":"no"}', b"[1]", b"{"])
async def test_a_refusal_in_no_form_is_told_all_the_same(stage: Stage, body: bytes) -> None:
    async with serving(stage, refusal(500, body)) as served:
        [event] = await served.client.turn(model="m", input="Hi")
    assert (event["type"], event["status"], bool(event["error"]["message"])) == ("error", 500, True)


@BOTH
async def test_a_stream_that_breaks_is_told_with_a_status(stage: Stage, upstream: str) -> None:
    events = stream_events(upstream)
    broken = Script([*events[:5], StreamBroken("The provider broke its stream off.")])
    async with serving(stage, broken, to=speaking(upstream)) as served:
        told = await served.client.turn(model="m", input="Hi")
    assert (told[-1]["type"], told[-1]["status"]) == ("error", 502)
    assert stage.book.rows[0].status == "incomplete"


async def test_an_error_of_the_provider_inside_its_stream_gets_a_status(stage: Stage) -> None:
    failed = sse_event(b'{"type":"error","code":"rate_limit_exceeded","message":"later","sequence_number":9}', "error")
    async with serving(stage, Script([*stream_events(DIALECT)[:5], failed])) as served:
        told = await served.client.turn(model="m", input="Hi")
    assert (told[-1]["status"], told[-1]["code"], told[-1]["sequence_number"]) == (429, "rate_limit_exceeded", 9)


@BOTH
@pytest.mark.parametrize("drained", [False, True])
async def test_a_client_who_leaves_cancels_or_drains(stage: Stage, upstream: str, *, drained: bool) -> None:
    events = stream_events(upstream)
    going_on, read = asyncio.Event(), asyncio.Event()
    script = Script([*events[:6], going_on.set, 0.05 if drained else "silence", *events[6:], read.set])
    async with serving(stage, script, to=speaking(upstream, drained=drained)) as served:
        served.client.say({"type": "response.create", "model": "m", "input": "Hi"})
        await asyncio.wait_for(going_on.wait(), 10)
        served.client.leave()
        await served.over()
    [row] = stage.book.rows
    assert (row.error_class, row.usage_complete, read.is_set()) == ("client_closed", drained, drained)
    assert stage.book.happened == ["intent", "sent", "closed", "row"]


async def test_a_client_who_leaves_between_turns_is_let_go(stage: Stage) -> None:
    async with serving(stage, Script([stream_body(DIALECT)])) as served:
        await served.client.turn(model="m", input="Hi")
        served.client.leave()
        await served.over()
        assert served.client.close_code is None
    assert len(stage.book.rows) == 1


async def test_a_client_who_takes_nothing_is_given_up(stage: Stage) -> None:
    hasty = msgspec.structs.replace(PATIENT, caller_stalled_seconds=0.03, between_chunks_seconds=0.01)
    async with serving(stage, Script([stream_body(DIALECT)]), timeouts=hasty) as served:
        await served.client.connected()
        served.client.takes.clear()
        served.client.say({"type": "response.create", "model": "m", "input": "Hi"})

        async def row() -> bool:
            return bool(stage.book.rows)

        await eventually(row, "a row")
        served.client.leave()
        served.client.takes.set()
    assert [row.error_class for row in stage.book.rows] == ["client_closed"]


# ── the key ─────────────────────────────────────────────────────────────────────────────────────
async def test_who_shows_no_key_is_refused_before_it_is_a_websocket(stage: Stage) -> None:
    async with serving(stage, headers={}) as served:
        status, headers, body = await served.client.refusal()
    assert (status, headers["content-type"], body["error"]["type"]) == (
        401,
        "application/json",
        "authentication_error",
    )
    assert not served.client.accepted


async def test_a_key_that_is_withdrawn_serves_no_further_turn(stage: Stage) -> None:
    desk = KeyDesk(stage.db, stage.keys)
    key = desk.make()
    async with serving(stage, Script([stream_body(DIALECT)]), headers={"authorization": f"Bearer {key}"}) as served:
        await served.client.turn(model="m", input="Hi")
        desk.delete(key)
        [event] = await served.client.turn(model="m", input="Go on")
        assert (event["type"], event["status"]) == ("error", 401)
        await served.over()
    assert served.client.close_code == POLICY_VIOLATION


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/nothing", "/v1/responses/compact"])
async def test_a_websocket_elsewhere_is_not_found(stage: Stage, path: str) -> None:
    async with serving(stage, path=path) as served:
        status, _, _ = await served.client.refusal()
    assert status == 404


# ── bounds ──────────────────────────────────────────────────────────────────────────────────────
async def test_a_conversation_that_grew_too_large_is_refused(stage: Stage) -> None:
    async with serving(stage, Script([stream_body(DIALECT)]), limit_bytes=1000) as served:
        first = await served.client.turn(model="m", input="x" * 800)
        previous = first[-1]["response"]["id"]
        [event] = await served.client.turn(model="m", input="x" * 200, previous_response_id=previous)
    assert (event["status"], "1,000 bytes" in event["message"]) == (413, True)


async def test_too_many_waiting_messages_end_the_connection(stage: Stage) -> None:
    going_on = asyncio.Event()
    async with serving(stage, Script([*stream_events(DIALECT)[:6], going_on.set, "silence"])) as served:
        served.client.say({"type": "response.create", "model": "m", "input": "Hi"})
        await asyncio.wait_for(going_on.wait(), 10)
        for _ in range(WAITING_MAX + 1):
            served.client.say({"type": "response.create", "model": "m", "input": "Hi"})
        await served.over()
    assert served.client.close_code == TRY_AGAIN_LATER
    assert [row.error_class for row in stage.book.rows] == ["client_closed"]


async def test_what_waits_counts_as_bodies_held(stage: Stage) -> None:
    async with serving(stage) as served:
        served.endpoint._budget.limit_bytes = 100
        served.client.say("x" * 101)
        await served.over()
    assert served.client.close_code == TRY_AGAIN_LATER


async def test_two_messages_at_once_are_two_turns(stage: Stage) -> None:
    async with serving(stage, *[Script([stream_body(DIALECT)]) for _ in range(2)]) as served:
        for _ in range(2):
            served.client.say({"type": "response.create", "model": "m", "input": "Hi"})
        for _ in range(2):
            assert said(await served.client.rest()) == "".join(WORDS)
    assert [row.status for row in stage.book.rows] == ["success", "success"]


async def test_a_stop_lets_the_turn_end_and_closes(stage: Stage) -> None:
    events = stream_events(DIALECT)
    going_on = asyncio.Event()
    async with serving(stage, Script([*events[:6], going_on.set, 0.02, *events[6:]])) as served:
        served.client.say({"type": "response.create", "model": "m", "input": "Hi"})
        await asyncio.wait_for(going_on.wait(), 10)
        served.client.hear({"type": STOPPING})
        assert (await served.client.rest())[-1]["type"] == "response.completed"
        await served.over()
    assert served.client.close_code == SERVICE_RESTART


async def test_a_connection_that_is_cut_short_ends(stage: Stage) -> None:
    going_on = asyncio.Event()
    async with serving(stage, Script([*stream_events(DIALECT)[:6], going_on.set, "silence"])) as served:
        served.client.say({"type": "response.create", "model": "m", "input": "Hi"})
        await asyncio.wait_for(going_on.wait(), 10)
        served.serving.cancel()
        told = await served.client.rest()
        assert (told[-1]["type"], told[-1]["status"]) == ("error", 503)
        await served.over()
    assert len(stage.book.rows) == 1


async def test_a_silent_connection_is_closed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sekisho.api.llm.websocket.IDLE_SECONDS", 0.01)
    async with serving(stage) as served:
        await served.over()
    assert served.client.close_code == NORMAL
