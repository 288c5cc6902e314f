"""Chat and Responses on one side, Messages on the other: what the regressions of this dialect share."""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.canonical.fold import fold
from sekisho.canonical.request import Message, Request, Text
from sekisho.canonical.target import Encoded, Profile, Target
from sekisho.wire.registry import BY_NAME
from sekisho.wire.sse import SseReader, sse_event

MESSAGES, CHAT, RESPONSES = (BY_NAME[name] for name in ("anthropic-messages", "openai-chat", "openai-responses"))
BUDGET = Profile(thinking="budget")
CALLER = Request(model="m", messages=(Message("user", (Text("Hi"),)),))


def json_bytes(value: Any) -> bytes:
    return msgspec.json.encode(value)


def chat_chunk(delta: dict[str, Any], finish: str | None = None, index: int = 0) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x", "choices": [choice]}


def chat_stream(*chunks: dict[str, Any]) -> bytes:
    return b"".join(sse_event(json_bytes(chunk)) for chunk in chunks) + b"data: [DONE]\n\n"


def chat_call(index: int, arguments: str, name: str | None = None) -> dict[str, Any]:
    call: dict[str, Any] = {"index": index, "function": {"arguments": arguments}}
    if name is not None:
        call |= {"id": f"call_{index}", "type": "function"}
        call["function"]["name"] = name
    return {"tool_calls": [call]}


def to_messages(stream: bytes, source: Any) -> list[dict[str, Any]]:
    """A provider's stream as a Messages caller gets it; checks the grammar of every answer on the way."""
    reader, writer = source.stream_reader(), MESSAGES.stream_writer(CALLER)
    out = b"".join(writer.write(event) for event in [*reader.feed(stream), *reader.close()])
    events: list[dict[str, Any]] = [msgspec.json.decode(data) for _, data in SseReader().feed(out)]
    assert [event["type"] for event in events].count("message_start") == 1
    assert events[0]["type"] == "message_start"
    assert events[-1] == {"type": "message_stop"}
    current, seen = None, 0
    for event in events:
        if event["type"] == "content_block_start":
            assert (current, event["index"]) == (None, seen)
            current, seen = event["index"], seen + 1
        elif event["type"].startswith("content_block"):
            assert event["index"] == current
            current = None if event["type"].endswith("stop") else current
    return events


def parts_of(events: list[dict[str, Any]]) -> tuple[object, ...]:
    reader = MESSAGES.stream_reader()
    stream = b"".join(sse_event(json_bytes(event), event["type"]) for event in events)
    return fold([*reader.feed(stream), *reader.close()]).parts


def to_anthropic(body: dict[str, Any], source: Any = CHAT, profile: Profile = BUDGET) -> Encoded:
    request = source.decode_request(json_bytes({"model": "m", **body}))
    encoded: Encoded = MESSAGES.encode_request(request, Target(model="claude-x", profile=profile))
    return encoded


def sent(body: dict[str, Any], source: Any = CHAT, profile: Profile = BUDGET) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(to_anthropic(body, source, profile).body)
    return decoded


def history(*calls: str, **result: Any) -> list[dict[str, Any]]:
    """A chat conversation in which the assistant called `look` once with each id."""
    made = [{"id": call, "type": "function", "function": {"name": "look", "arguments": "{}"}} for call in calls]
    results = [{"role": "tool", "tool_call_id": call, "content": f"{call} seen", **result} for call in calls]
    return [{"role": "user", "content": "go"}, {"role": "assistant", "content": None, "tool_calls": made}, *results]
