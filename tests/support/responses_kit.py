"""What a Responses stream must look like, judged from outside: the grammar, the official SDK, Open Responses.

In: bytes that the writer made. Out: the events, or a failed assertion. And canonical values as Hypothesis makes them.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import jsonschema
import msgspec
from hypothesis import assume
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from sekisho.canonical.events import StopReason
from sekisho.canonical.fold import unfold
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import RedactedThinking, Refusal, Request, Text, Thinking, ToolCall
from sekisho.canonical.usage import Usage
from sekisho.wire.openai_responses import DIALECT
from sekisho.wire.sse import SseReader
from tests.shared import SHARED

OPEN_RESPONSES = SHARED / "specs" / "openresponses-2026-04-24.openapi.json"
_sdk_event: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
_sdk_response = TypeAdapter(Response)

#: Within one item, by its type: what may follow what. "" is the item just added; "." may be its end.
_MESSAGE = {
    "": {"content_part.added", "."},
    "content_part.added": {"output_text.delta", "output_text.annotation.added", "output_text.done"}
    | {"refusal.delta", "refusal.done"},
    "output_text.delta": {"output_text.delta", "output_text.annotation.added", "output_text.done"},
    "output_text.annotation.added": {"output_text.annotation.added", "output_text.done"},
    "output_text.done": {"content_part.done"},
    "refusal.delta": {"refusal.delta", "refusal.done"},
    "refusal.done": {"content_part.done"},
    "content_part.done": {"content_part.added", "."},
}
_REASONING = {
    "": {"reasoning_summary_part.added", "."},
    "reasoning_summary_part.added": {"reasoning_summary_text.delta"},
    "reasoning_summary_text.delta": {"reasoning_summary_text.delta", "reasoning_summary_text.done"},
    "reasoning_summary_text.done": {"reasoning_summary_part.done"},
    "reasoning_summary_part.done": {"."},
}
_FUNCTION = {
    "": {"function_call_arguments.delta", "function_call_arguments.done"},
    "function_call_arguments.delta": {"function_call_arguments.delta", "function_call_arguments.done"},
    "function_call_arguments.done": {"."},
}
_CUSTOM = {
    "": {"custom_tool_call_input.delta"},
    "custom_tool_call_input.delta": {"custom_tool_call_input.done"},
    "custom_tool_call_input.done": {"."},
}
_GRAMMAR = {
    "message": _MESSAGE,
    "reasoning": _REASONING,
    "function_call": _FUNCTION,
    "custom_tool_call": _CUSTOM,
}
TERMINAL = ("response.completed", "response.incomplete", "response.failed")


def events_of(stream: bytes) -> list[dict[str, Any]]:
    """The events; each named as its type says, numbered from 0 without a gap."""
    reader = SseReader()
    pairs = reader.feed(stream)
    assert reader.close() == []
    events: list[dict[str, Any]] = [msgspec.json.decode(data) for _, data in pairs]
    assert [name.decode() for name, _ in pairs] == [event["type"] for event in events]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


def check_grammar(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Walks the events of a whole stream; the response of the last one."""
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    last = events[-1]
    assert last["type"] in TERMINAL
    items: list[dict[str, Any]] = []
    state, added = "", None
    for event in events[2:-1]:
        assert event["output_index"] == len(items)
        if event["type"] == "response.output_item.added":
            assert added is None, "items are nested strictly"
            added, state = event["item"], ""
        elif event["type"] == "response.output_item.done":
            assert added is not None
            assert "." in _GRAMMAR[added["type"]][state]
            assert (event["item"]["id"], event["item"]["type"]) == (added["id"], added["type"])
            items.append(event["item"])
            added = None
        else:
            assert added is not None
            step = event["type"].removeprefix("response.")
            assert step in _GRAMMAR[added["type"]][state], (state, step)
            assert event["item_id"] == added["id"]
            state = step
    response: dict[str, Any] = last["response"]
    assert added is None
    assert [item["id"] for item in items] == [item["id"] for item in response["output"]]
    assert len({item["id"] for item in items}) == len(items)
    assert {event["response"]["id"] for event in (*events[:2], last)} == {response["id"]}
    return response


def check_deltas(events: list[dict[str, Any]]) -> None:
    """What the deltas of each item say is what its end says."""
    said: dict[tuple[str, int], str] = {}
    for event in events:
        if event["type"].endswith(".delta"):
            key = (event["item_id"], event.get("content_index", 0))
            said[key] = said.get(key, "") + event["delta"]
    for event in events:
        for field in ("text", "refusal", "arguments", "input"):
            if event["type"].endswith(".done") and field in event:
                assert said.get((event["item_id"], event.get("content_index", 0)), "") == event[field]


def check_sdk(events: list[dict[str, Any]]) -> Response:
    """The official SDK accepts each event and accumulates them to the same answer."""
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    final: Response | None = None
    for event in events:
        typed = _sdk_event.validate_python(event)
        for seen in state.handle_event(typed):
            if seen.type in TERMINAL:
                final = seen.response  # type: ignore[union-attr]
    assert final is not None
    return final


def check_sdk_response(body: bytes) -> Response:
    """The official SDK accepts a whole answer, with every field that it needs."""
    return _sdk_response.validate_json(body)


@functools.cache
def _open_responses(schema: str) -> jsonschema.Draft202012Validator:
    spec = msgspec.json.decode(OPEN_RESPONSES.read_bytes())
    return jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": spec["components"]})


def check_open_responses(schema: str, value: Any) -> None:
    """`value` satisfies a schema of Open Responses."""
    assert [error.message for error in _open_responses(schema).iter_errors(value)] == []


def stream_of(reply: Reply, request: Request) -> bytes:
    """The whole stream that the writer makes of `reply`."""
    writer = DIALECT.stream_writer(request)
    return b"".join(writer.write(event) for event in unfold(reply))


def cut(data: bytes, offsets: list[int]) -> list[bytes]:
    """`data` in pieces, cut at `offsets` (taken modulo its length)."""
    marks = sorted({0, len(data), *(offset % (len(data) + 1) for offset in offsets)})
    return [data[start:end] for start, end in itertools.pairwise(marks)]


# ── canonical values ────────────────────────────────────────────────────────────────────────────
#: JSON cannot carry lone surrogates, and no reader produces them.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
words = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
counts = st.integers(0, 10_000)
usages = st.builds(
    Usage,
    input_tokens=counts,
    cache_read_tokens=counts,
    cache_write_tokens=counts,
    output_tokens=counts,
    reasoning_tokens=counts,
)
function_calls = st.builds(
    ToolCall, id=words, name=words, arguments=st.just("{}") | words.map(lambda w: f'{{"a":"{w}"}}')
)
thoughts = st.builds(
    Thinking, text=texts, signature=words, origin=st.sampled_from(["openai", "anthropic"]), item_id=st.none()
) | st.builds(Thinking, text=words)
parts = (
    st.builds(Text, texts) | st.builds(Refusal, words) | thoughts | st.builds(RedactedThinking, words) | function_calls
)


def _told_apart(each: list[Any]) -> tuple[Any, ...]:
    """No two calls of one answer have the same id (the SDK refuses such a stream, and no provider sends one)."""
    calls = [part.id for part in each if isinstance(part, ToolCall)]
    assume(len(calls) == len(set(calls)))
    return tuple(each)


replies = st.builds(
    Reply,
    id=words,
    model=words,
    parts=st.lists(parts, max_size=5).map(_told_apart),
    stop=st.sampled_from(list(StopReason)),
    usage=st.none() | usages,
    created_seconds=st.none() | st.integers(0, 2**31),
)
