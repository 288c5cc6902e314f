"""Bugs that other gateways had when they wrote or read the Responses API; each is named by its id in the list."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical import events as e
from sekisho.canonical.fold import fold
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import (
    Message,
    OutputSchema,
    RedactedThinking,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from sekisho.canonical.seal import Sealed, seal, unseal
from sekisho.canonical.target import Profile, Target
from sekisho.canonical.usage import Usage
from sekisho.wire.openai_responses import DIALECT
from sekisho.wire.sse import sse_event
from tests.support.responses_kit import check_grammar, check_sdk, check_sdk_response, events_of, stream_of

ASKED = Request(model="m", messages=())
USER = Message("user", (Text("hi"),))
GPT = Target(model="gpt-5.5", profile=Profile(openai_reasoning=True))
USAGE = {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 6}, "output_tokens": 3}


def written(*messages: Message, **fields: Any) -> dict[str, Any]:
    request = Request(model="m", messages=messages or (USER,), **fields)
    body: dict[str, Any] = msgspec.json.decode(DIALECT.encode_request(request, Target(model="gpt-4.1")).body)
    return body


def decoded(**fields: Any) -> Request:
    return DIALECT.decode_request(msgspec.json.encode({"model": "m", "input": "hi", **fields}))


def stream(*events: dict[str, Any]) -> bytes:
    return b"".join(sse_event(msgspec.json.encode(event), event["type"]) for event in events)


def read(data: bytes) -> list[e.Event]:
    reader = DIALECT.stream_reader()
    return [*reader.feed(data), *reader.close()]


def told(*events: e.Event, request: Request = ASKED) -> list[dict[str, Any]]:
    writer = DIALECT.stream_writer(request)
    return events_of(b"".join(writer.write(event) for event in (e.Started(id="msg_1", model="m"), *events)))


def body_of(reply: Reply) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(DIALECT.encode_reply(reply, ASKED))
    return body


def test_rc016_a_ping_keeps_the_stream_alive() -> None:
    assert DIALECT.stream_writer(ASKED).write(e.Ping()).startswith(b":")


def test_rc018_a_character_split_over_chunks_stays_whole() -> None:
    data = stream({"type": "response.output_text.delta", "delta": "関所🏯"})
    for offset in range(len(data)):
        reader = DIALECT.stream_reader()
        events = [*reader.feed(data[:offset]), *reader.feed(data[offset:])]
        assert events[-1] == e.TextDelta(0, "関所🏯")


@pytest.mark.parametrize("terminal", ["completed", "incomplete", "failed"])
def test_rc023_usage_is_read_from_every_ending(terminal: str) -> None:
    response = {"id": "resp_1", "model": "m", "status": terminal, "output": [], "usage": USAGE}
    data = stream({"type": f"response.{terminal}", "response": response})
    usage = Usage(input_tokens=3, cache_read_tokens=6, output_tokens=3)
    assert e.UsageReported(usage) in read(data)
    watch = DIALECT.stream_watch(False)
    watch.feed(data)
    assert watch.usage == usage


def test_rc032_a_redacted_thought_is_a_reasoning_item_with_its_data() -> None:
    start = e.BlockStarted(index=0, kind="redacted_thinking", data="hidden")
    events = told(start, e.BlockEnded(0), e.Finished(stop=e.StopReason.END_TURN))
    (item,) = check_grammar(events)["output"]
    assert item["type"] == "reasoning"
    assert unseal(item["encrypted_content"]) == Sealed(origin="anthropic", signature="hidden", redacted=True)


def test_rc033_sealed_thoughts_come_back_every_turn() -> None:
    signed = seal(Sealed(origin="anthropic", signature="sig"))
    hidden = seal(Sealed(origin="anthropic", signature="data", redacted=True))
    thought = {"type": "reasoning", "id": "rs_1", "encrypted_content": signed}
    items = [
        {"role": "user", "content": "hi"},
        {**thought, "summary": [{"type": "summary_text", "text": "hm"}]},
        {**thought, "summary": [], "encrypted_content": hidden},
        {"role": "assistant", "content": [{"type": "output_text", "text": "hello"}]},
    ]
    assert decoded(input=items).messages[1].parts == (
        Thinking(text="hm", signature="sig", origin="anthropic"),
        RedactedThinking("data"),
        Text("hello"),
    )


def test_rc058_a_result_without_its_call_becomes_text_and_is_reported() -> None:
    request = Request(model="m", messages=(Message("user", (ToolResult(call_id="c", parts=(Text("ok"),)),)),))
    encoded = DIALECT.encode_request(request, GPT)
    assert b"function_call_output" not in encoded.body
    assert encoded.dropped == ("tool_result without its call",)


@pytest.mark.parametrize("parallel", [True, False])
def test_rc061_parallel_tool_calls_is_passed_on(*, parallel: bool) -> None:
    assert written(tools=(Tool(name="f"),), parallel_tool_calls=parallel)["parallel_tool_calls"] is parallel
    assert decoded(parallel_tool_calls=parallel).parallel_tool_calls is parallel


def test_rc064_nested_tools_keep_their_kind_and_namespace() -> None:
    tool = {"type": "custom", "name": "exec", "format": {"type": "grammar", "syntax": "lark", "definition": "start: A"}}
    space = {"type": "namespace", "name": "functions", "description": "", "tools": [tool]}
    request = decoded(input=[{"type": "additional_tools", "role": "developer", "tools": [space]}])
    assert request.tools == (Tool(name="exec", custom=True, format=tool["format"], namespace="functions"),)  # type: ignore[arg-type]
    call = ToolCall(id="toolu_1", name="exec", arguments='{"input":"a"}')
    reply = Reply(id="msg_1", model="m", parts=(call,), stop=e.StopReason.TOOL_USE)
    (item,) = msgspec.json.decode(DIALECT.encode_reply(reply, request))["output"]
    assert (item["type"], item["namespace"], item["input"]) == ("custom_tool_call", "functions", "a")


def test_rc065_only_messages_have_a_role() -> None:
    call = ToolCall(id="c", name="f", arguments="{}")
    body = written(USER, Message("assistant", (Text("a"), call)), Message("user", (ToolResult(call_id="c", parts=()),)))
    assert [item["type"] for item in body["input"] if "role" in item] == ["message", "message"]
    assert [item["type"] for item in body["input"]][2:] == ["function_call", "function_call_output"]


def test_rc079_the_same_request_gives_the_same_bytes() -> None:
    tools = tuple(Tool(name=name, parameters={"z": 1, "a": 2}) for name in ("zeta", "alpha", "mid"))
    request = Request(model="m", messages=(USER,), tools=tools)
    first, second = (DIALECT.encode_request(request, GPT).body for _ in range(2))
    assert first == second
    assert first.index(b"zeta") < first.index(b"alpha") < first.index(b"mid")
    assert b'{"z":1,"a":2}' in first


def test_rc082_cached_input_is_mapped_and_subtracted() -> None:
    response = {"id": "resp_1", "model": "m", "output": [], "status": "completed", "usage": USAGE}
    reply = fold(read(stream({"type": "response.completed", "response": response})))
    assert reply.usage == Usage(input_tokens=3, cache_read_tokens=6, output_tokens=3)


def test_rc091_ids_are_minted_once_and_indexes_are_places() -> None:
    thought = Thinking(text="hm", signature="sig", origin="anthropic")
    call = ToolCall(id="c", name="f", arguments='{"a":1}')
    reply = Reply(id="chatcmpl-1", model="m", parts=(thought, Text("a"), call), stop=e.StopReason.TOOL_USE)
    events = events_of(stream_of(reply, ASKED))
    output = check_grammar(events)["output"]
    for event in events:
        if "output_index" in event:
            item_id = event["item_id"] if "item_id" in event else event["item"]["id"]
            assert item_id == output[event["output_index"]]["id"]


@pytest.mark.parametrize(
    ("status", "reason", "stop"),
    [
        ("completed", None, e.StopReason.END_TURN),
        ("incomplete", "max_output_tokens", e.StopReason.MAX_TOKENS),
        ("incomplete", "content_filter", e.StopReason.REFUSAL),
    ],
)
def test_rc093_status_is_the_reason_to_stop(status: str, reason: str | None, stop: e.StopReason) -> None:
    details = {"reason": reason} if reason else None
    body: dict[str, Any] = {"id": "r", "model": "m", "status": status, "incomplete_details": details, "output": []}
    assert DIALECT.decode_reply(msgspec.json.encode(body)).stop is stop
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    called = DIALECT.decode_reply(msgspec.json.encode({**body, "output": [call]}))
    assert called.stop is (e.StopReason.TOOL_USE if status == "completed" else stop)


def test_rc094_fields_that_may_be_null_are_there() -> None:
    reply = Reply(id="msg_1", model="m", parts=(Text("a"),), stop=e.StopReason.END_TURN)
    body = body_of(reply)
    nullable = "error incomplete_details instructions previous_response_id max_output_tokens max_tool_calls usage"
    assert [body[key] for key in f"{nullable} user safety_identifier prompt_cache_key".split()] == [None] * 10
    assert check_sdk_response(msgspec.json.encode(body)).output_text == "a"


def test_rc095_citations_are_annotations() -> None:
    source = e.Citation(url="https://x.test", title="X", cited_text="so")
    events = told(
        e.BlockStarted(index=0, kind="text"),
        e.TextDelta(0, "It is so."),
        e.CitationAdded(0, source),
        e.BlockEnded(0),
        e.Finished(stop=e.StopReason.END_TURN),
    )
    (added,) = [event for event in events if event["type"] == "response.output_text.annotation.added"]
    assert added["annotation"] == {
        "type": "url_citation",
        "url": "https://x.test",
        "title": "X",
        "start_index": 0,
        "end_index": 9,
    }
    check_grammar(events)
    assert check_sdk(events).output_text == "It is so."


def test_rc099_a_wanted_format_is_a_schema_and_no_field_that_leaks() -> None:
    schema = {"type": "object", "properties": {}}
    form = {"type": "json_schema", "name": "n", "schema": schema, "strict": True}
    request = decoded(text={"format": form})
    assert request.output_schema == OutputSchema(name="n", schema=schema, strict=True)
    assert request.untranslated == ()


def test_rc101_nothing_is_dropped_for_being_zero_or_empty() -> None:
    body = written(temperature=0.0, top_p=0.0, parallel_tool_calls=False, tools=(Tool(name="f", description=""),))
    assert (body["temperature"], body["top_p"], body["parallel_tool_calls"]) == (0.0, 0.0, False)
    assert body["tools"][0]["description"] == ""
    request = decoded(temperature=0, max_output_tokens=0, text={"verbosity": ""})
    assert (request.temperature, request.max_tokens, request.verbosity) == (0, 0, "")
