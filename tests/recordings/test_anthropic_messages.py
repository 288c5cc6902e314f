"""Every recorded exchange with Anthropic's API, through the Messages dialect.

In: ../shared/recordings and the agents' recorded requests. Out: nothing lost in any of them; skipped where absent.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import anthropic
import httpx2
import msgspec
import pytest

from sekisho.canonical.events import Event
from sekisho.canonical.fold import fold
from sekisho.canonical.order import OrderChecker
from sekisho.canonical.request import Message, Request, Text
from sekisho.canonical.target import Profile, Target
from sekisho.core.errors import ErrorClass, UnsupportedFeature
from sekisho.wire.anthropic_messages import DIALECT
from tests.shared import SHARED, Recording, needs_shared, recordings

pytestmark = needs_shared

RECORDINGS = list(recordings(provider="anthropic", endpoint="messages"))
STREAMS = [recording for recording in RECORDINGS if recording.status == 200 and recording.kind == "sse"]
REPLIES = [recording for recording in RECORDINGS if recording.status == 200 and recording.kind == "json"]
ERRORS = [recording for recording in RECORDINGS if recording.status >= 400]
AGENTS = sorted((SHARED / "agents" / "recordings").glob("*.jsonl"))
CALLER = Request(model="m", messages=(Message("user", (Text("Hi"),)),))
KNOWN = ("text", "thinking", "redacted_thinking", "tool_use")


def each(found: list[Recording]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return pytest.mark.parametrize("recording", found, ids=lambda recording: recording.file.rpartition("/")[2])


def events_of(chunks: list[bytes]) -> list[Event]:
    reader = DIALECT.stream_reader()
    return [event for chunk in chunks for event in reader.feed(chunk)] + reader.close()


def cut(body: bytes, seed: str) -> list[bytes]:
    dice = random.Random(seed)
    places = sorted({0, len(body), *(dice.randrange(len(body)) for _ in range(60))})
    return [body[start:end] for start, end in pairwise(places)]


def sdk_message(body: bytes, *, stream: bool) -> dict[str, Any]:
    """What the official SDK makes of an answer; for a stream, what its accumulator does."""
    kind = "text/event-stream" if stream else "application/json"
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=body, headers={"content-type": kind}))
    with httpx2.Client(transport=transport) as http:
        client = anthropic.Anthropic(api_key="k", max_retries=0, http_client=http)
        ask: dict[str, Any] = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]}
        if not stream:
            whole: dict[str, Any] = client.messages.create(**ask).model_dump(warnings=False)
            return whole
        with client.messages.stream(**ask) as answer:
            return answer.get_final_message().model_dump(warnings=False)


def essence(message: dict[str, Any]) -> dict[str, Any]:
    """What must not change: contents of the kinds that have a canonical word, stop, model, counts."""
    keys = ("type", "text", "thinking", "signature", "data", "id", "name", "input")
    blocks = [{key: block[key] for key in keys if key in block} for block in message["content"]]
    usage = message["usage"]
    return {
        "content": [block for block in blocks if block["type"] in KNOWN and block.get("text") != ""],
        "cited": [len(block.get("citations") or ()) for block in message["content"] if block.get("text")],
        **{key: message[key] for key in ("id", "model", "stop_reason", "stop_sequence")},
        "usage": [usage["input_tokens"], usage["output_tokens"]]
        + [usage.get(f"cache_{kind}_input_tokens") or 0 for kind in ("read", "creation")],
    }


@each(STREAMS)
def test_a_stream_cut_anywhere_gives_the_same_legal_events(recording: Recording) -> None:
    body = recording.body()
    events = events_of([body])
    assert events_of(cut(body, recording.file)) == events
    checker = OrderChecker()
    for event in events:
        checker.see(event)
    assert checker.state == "ended"


@each(STREAMS)
def test_a_passing_stream_is_watched_and_not_changed(recording: Recording) -> None:
    body, watch = recording.body(), DIALECT.stream_watch(False)
    assert b"".join(watch.feed(chunk) for chunk in cut(body, recording.file)) + watch.close() == body
    reply = fold(events_of([body]))
    assert (watch.finished, watch.usage, watch.served_model) == (True, reply.usage, reply.model)


@each(STREAMS)
def test_the_official_sdk_reads_a_written_stream_as_the_original(recording: Recording) -> None:
    body, writer = recording.body(), DIALECT.stream_writer(CALLER)
    events = events_of([body])
    written = b"".join(writer.write(event) for event in events)
    original = essence(sdk_message(body, stream=True))
    assert essence(sdk_message(written, stream=True)) == original
    assert essence(sdk_message(DIALECT.encode_reply(fold(events), CALLER), stream=False)) == original


@each(REPLIES)
def test_the_official_sdk_reads_a_written_reply_as_the_original(recording: Recording) -> None:
    body = recording.body()
    reply = DIALECT.decode_reply(body)
    written = DIALECT.encode_reply(reply, CALLER)
    assert essence(sdk_message(written, stream=False)) == essence(sdk_message(body, stream=False))
    facts = DIALECT.read_facts(body)
    assert (facts.usage, facts.served_model) == (reply.usage, reply.model)


@each(ERRORS)
def test_an_error_is_understood(recording: Recording) -> None:
    info = DIALECT.parse_error(recording.status, recording.body(), "")
    expected = {401: ErrorClass.UPSTREAM_CREDENTIAL, 400: ErrorClass.INVALID_REQUEST}[recording.status]
    too_long = b"prompt is too long" in recording.body()
    assert info.error_class is (ErrorClass.CONTEXT_TOO_LONG if too_long else expected)


def in_blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def plain(block: dict[str, Any]) -> dict[str, Any]:
    """A block without what has no meaning elsewhere, and with the long forms of what may be said shortly."""
    kept = {key: value for key, value in block.items() if key not in ("citations", "caller") and value is not None}
    if kept["type"] == "tool_result":
        kept["content"] = [plain(part) for part in in_blocks(kept.get("content", [])) if part.get("text", "x").strip()]
        if not kept.get("is_error"):
            kept.pop("is_error", None)
    if kept["type"] == "tool_reference":
        return {"type": "text", "text": f"The tool '{kept['tool_name']}' is available."}
    return kept


def conversation(body: dict[str, Any]) -> Any:
    turns: list[list[Any]] = []
    for message in body["messages"]:
        blocks = [plain(block) for block in in_blocks(message["content"]) if block.get("text", "x").strip()]
        if turns and turns[-1][0] == message["role"]:
            turns[-1][1] += blocks
        else:
            turns.append([message["role"], blocks])
    tools = [
        {key: tool[key] for key in ("name", "description", "input_schema", "cache_control") if key in tool}
        for tool in body.get("tools") or []
        if tool.get("type", "custom") == "custom"
    ]
    return in_blocks(body.get("system") or []), turns, tools


def round_trip(body: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    request = DIALECT.decode_request(msgspec.json.encode(body))
    adaptive = (body.get("thinking") or {}).get("type") == "adaptive"
    profile = Profile(thinking="adaptive" if adaptive else "budget")
    encoded = DIALECT.encode_request(request, Target(model=body["model"], profile=profile))
    return msgspec.json.decode(encoded.body), encoded.dropped


#: The recorded result answers another call than the one before it.
MISMATCHED = "dd-trace-py--anthropic_completion_tools_call_with_tool_result_stream_helper--0-965df352"


@each([recording for recording in RECORDINGS if MISMATCHED not in recording.file])
def test_a_request_loses_nothing_but_what_is_named(recording: Recording) -> None:
    body = recording.load()["request"]["body"]
    try:
        sent, dropped = round_trip(body)
    except UnsupportedFeature as refused:
        own = ("container", "server_tool", "_tool_result", "_upload", "advisor", "code_execution", "source.type")
        named = refused.info.message
        assert any(word in named for word in own), named
        return
    assert conversation(sent) == conversation(body)
    for key in ("max_tokens", "stop_sequences", "top_k", "stream"):
        assert sent.get(key) == (body.get(key) or None)
    for key in ("thinking", "temperature"):
        assert sent.get(key) == body.get(key) or key in dropped or thinks(sent)
    assert not body.get("tool_choice") or not sent.get("tools") or sent["tool_choice"] == body["tool_choice"]


def thinks(sent: dict[str, Any]) -> bool:
    """Effort alone asks a model with a budget to think; and while it thinks, temperature is 1."""
    return "thinking" in sent


@pytest.mark.parametrize("path", AGENTS, ids=lambda path: path.stem)
def test_what_agents_send_loses_nothing(path: Any) -> None:
    asked = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    bodies = [row["body"] for row in asked if row["path"].endswith("/messages") and isinstance(row.get("body"), dict)]
    for body in bodies:
        sent, _ = round_trip(body)
        assert conversation(sent) == conversation(body)
    assert asked
