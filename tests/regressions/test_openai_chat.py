"""Translation bugs of other gateways, where what goes out, or what comes in as a stream, is chat completions.

One test a case; the number in the name is the case's id.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from sekisho.canonical import events as e
from sekisho.canonical.fold import fold
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import (
    Message,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from sekisho.canonical.target import Target
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, ErrorInfo
from sekisho.wire.openai_chat import DIALECT
from sekisho.wire.sse import SseReader

CALLER = Request(model="m", messages=(), stream=True, include_usage=True)
STARTED = e.Started(id="msg_1", model="served")


def written(events: Iterable[e.Event]) -> list[dict[str, Any]]:
    writer = DIALECT.stream_writer(CALLER)
    reader = SseReader()
    datas = [data for _, data in reader.feed(b"".join(writer.write(event) for event in events))]
    return [msgspec.json.decode(data) for data in datas if data != b"[DONE]"]


def deltas(events: Iterable[e.Event]) -> list[dict[str, Any]]:
    return [choice["delta"] for chunk in written(events) for choice in chunk.get("choices", ())]


def call(index: int, call_id: str) -> list[e.Event]:
    return [
        e.BlockStarted(index=index, kind="tool_call", call_id=call_id, name="f"),
        e.ArgumentsDelta(index, "{}"),
        e.BlockEnded(index),
    ]


def text(index: int, said: str) -> list[e.Event]:
    return [e.BlockStarted(index=index, kind="text"), e.TextDelta(index, said), e.BlockEnded(index)]


def chunk(choices: list[dict[str, Any]], **fields: Any) -> bytes:
    return b"data: " + msgspec.json.encode({"id": "c", "model": "m", "choices": choices, **fields}) + b"\n\n"


def delta(index: int = 0, finish: str | None = None, **fields: Any) -> bytes:
    return chunk([{"index": index, "delta": fields, "finish_reason": finish}])


def read(*pieces: bytes) -> list[e.Event]:
    reader = DIALECT.stream_reader()
    return [event for piece in pieces for event in reader.feed(piece)] + reader.close()


def encoded(target: Target, *messages: Message, **fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(
        DIALECT.encode_request(Request(model="m", messages=messages, **fields), target).body
    )
    return body


USER = Message("user", (Text("u"),))
DONE = b"data: [DONE]\n\n"


def test_rc001_the_chunk_that_opens_a_call_keeps_its_arguments() -> None:
    function = {"name": "f", "arguments": '{"a":1}'}
    parts = fold(
        read(delta(content="x"), delta(tool_calls=[{"index": 0, "id": "1", "function": function}]), DONE)
    ).parts
    assert parts == (Text("x"), ToolCall(id="1", name="f", arguments='{"a":1}'))


def test_rc002_a_thought_is_closed_before_the_text() -> None:
    events = read(delta(reasoning_content="h"), delta(content="x"), delta(finish="stop"), DONE)
    kinds = [type(event).__name__ for event in events]
    assert kinds.count("Started") == 1
    assert kinds.index("BlockEnded") < kinds.index("TextDelta")


def test_rc003_a_call_as_first_output_is_opened() -> None:
    call_delta = {"index": 0, "id": "1", "function": {"name": "f", "arguments": ""}}
    events = read(delta(role="assistant", content=None, tool_calls=[call_delta]), delta(finish="tool_calls"), DONE)
    assert isinstance(events[1], e.BlockStarted)
    assert (events[1].index, events[1].kind) == (0, "tool_call")


def test_rc007_a_signature_is_told_once_and_no_delta_is_empty() -> None:
    thought: list[e.Event] = [
        e.BlockStarted(index=0, kind="thinking"),
        e.ThinkingDelta(0, "hm"),
        e.ThinkingDelta(0, ""),
        e.SignatureDelta(0, "sig", "anthropic"),
        e.BlockEnded(0),
    ]
    said = deltas([STARTED, *thought, *text(1, "x")])
    assert {} not in said
    blocks = [block for one in said for block in one.get("thinking_blocks", ())]
    assert [block["signature"] for block in blocks] == ["sig"]


def test_rc011_parallel_calls_have_rising_indexes() -> None:
    said = deltas([STARTED, *call(0, "a"), *call(1, "b"), *call(2, "c")])
    indexes = {one["id"]: one["index"] for step in said for one in step.get("tool_calls", ()) if "id" in one}
    assert indexes == {"a": 0, "b": 1, "c": 2}


def test_rc012_the_index_of_a_call_counts_calls_only() -> None:
    said = deltas([STARTED, *text(0, "x"), *call(1, "a"), *text(2, "y"), *call(3, "b")])
    assert [one["index"] for step in said for one in step.get("tool_calls", ()) if "id" in one] == [0, 1]


def test_rc014_two_choices_pass_with_their_indexes() -> None:
    stream = delta(0, content="a") + delta(1, content="b") + delta(1, "stop") + delta(0, "stop") + DONE
    watch = DIALECT.stream_watch(True)
    assert watch.feed(stream) + watch.close() == stream
    assert watch.text_bytes == 2


def test_rc015_the_first_delta_has_the_role() -> None:
    assert deltas([STARTED, *text(0, "x")])[0]["role"] == "assistant"


def test_rc016_a_ping_reaches_the_caller() -> None:
    assert DIALECT.stream_writer(CALLER).write(e.Ping()).startswith(b":")


def test_rc017_a_drifting_choice_index_does_not_break_a_call() -> None:
    first = delta(0, tool_calls=[{"index": 0, "id": "1", "function": {"name": "f", "arguments": '{"a"'}}])
    second = delta(1, tool_calls=[{"index": 0, "function": {"arguments": ":1}"}}])
    assert fold(read(first, second, delta(1, "tool_calls"), DONE)).parts == (
        ToolCall(id="1", name="f", arguments='{"a":1}'),
    )


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_rc018_rc020_characters_and_events_may_be_cut(size: int) -> None:
    stream = delta(content="日本語😀") + delta(finish="stop") + DONE
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert fold(read(*pieces)).parts == (Text("日本語😀"),)


def test_rc021_a_stream_without_done_ends_with_its_finish_reason() -> None:
    events = read(delta(content="x"), delta(finish="stop"), b": heartbeat\n\n", b": heartbeat\n\n")
    assert isinstance(events[-1], e.Finished)


def test_rc025_an_overload_inside_a_stream_is_an_error_event_without_done() -> None:
    failed = e.Failed(ErrorInfo(error_class=ErrorClass.OVERLOADED, message="Overloaded", status=529))
    writer = DIALECT.stream_writer(CALLER)
    out = writer.write(STARTED) + writer.write(failed)
    assert b'data: {"error":{"message":"Overloaded"' in out
    assert b"[DONE]" not in out


def test_rc034_the_thought_of_a_compatible_server_goes_back_to_it() -> None:
    asked = msgspec.json.encode(
        {
            "model": "m",
            "messages": [
                {"role": "user", "content": "u"},
                {"role": "assistant", "content": "a", "reasoning_content": "hm"},
            ],
        }
    )
    request = DIALECT.decode_request(asked)
    assert request.messages[1].parts[0] == Thinking(text="hm")
    sent = msgspec.json.decode(DIALECT.encode_request(request, Target(model="m", compatible=True)).body)
    assert sent["messages"][1] == {"role": "assistant", "content": "a", "reasoning_content": "hm"}


def test_rc046_any_is_required() -> None:
    body = encoded(Target(model="m"), USER, tools=(Tool(name="f"),), tool_choice=ToolChoice("any"))
    assert body["tool_choice"] == "required"


def test_rc058_an_orphan_result_becomes_text_and_is_reported() -> None:
    orphan = Message("user", (ToolResult(call_id="gone", parts=(Text("r"),)),))
    sent = DIALECT.encode_request(Request(model="m", messages=(orphan,)), Target(model="m"))
    assert [message["role"] for message in msgspec.json.decode(sent.body)["messages"]] == ["user"]
    assert sent.dropped == ("tool result without call",)


def test_rc066_calls_that_end_with_stop_are_tool_calls() -> None:
    reply = Reply(id="x", model="m", parts=(ToolCall(id="1", name="f", arguments="{}"),), stop=e.StopReason.END_TURN)
    assert msgspec.json.decode(DIALECT.encode_reply(reply, CALLER))["choices"][0]["finish_reason"] == "tool_calls"
    told = written([STARTED, *call(0, "a"), e.Finished(stop=e.StopReason.END_TURN)])
    assert told[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_rc079_the_same_request_gives_the_same_bytes() -> None:
    tools = tuple(Tool(name=name, parameters={"type": "object", "properties": {}}) for name in ("z", "a", "m"))
    request = Request(model="m", messages=(USER,), tools=tools)
    first, second = (DIALECT.encode_request(request, Target(model="m")).body for _ in range(2))
    assert first == second
    assert [tool["function"]["name"] for tool in msgspec.json.decode(first)["tools"]] == ["z", "a", "m"]


def test_rc081_cached_tokens_are_read_and_subtracted() -> None:
    usage = {"prompt_tokens": 9888, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 6752}}
    assert fold(read(delta(content="x"), delta(finish="stop"), chunk([], usage=usage), DONE)).usage == Usage(
        input_tokens=3136, cache_read_tokens=6752, output_tokens=1
    )


def test_rc083_the_prompt_counts_cached_and_written_tokens() -> None:
    usage = Usage(input_tokens=1, cache_read_tokens=10, cache_write_tokens=100, output_tokens=5)
    finished: list[e.Event] = [STARTED, e.UsageReported(usage), e.Finished(stop=e.StopReason.END_TURN)]
    told = written(finished)[-1]["usage"]
    assert told["prompt_tokens"] == 111
    assert told["prompt_tokens_details"]["cached_tokens"] == 10


@pytest.mark.parametrize(
    ("stop", "word"),
    [
        (e.StopReason.MAX_TOKENS, "length"),
        (e.StopReason.TOOL_USE, "tool_calls"),
        (e.StopReason.END_TURN, "stop"),
        (e.StopReason.REFUSAL, "content_filter"),
    ],
)
def test_rc093_the_finish_reason_is_told(stop: e.StopReason, word: str) -> None:
    assert written([STARTED, e.Finished(stop=stop)])[-1]["choices"][0]["finish_reason"] == word
    reply = Reply(id="x", model="m", parts=(), stop=stop)
    assert msgspec.json.decode(DIALECT.encode_reply(reply, CALLER))["choices"][0]["finish_reason"] == word


def test_rc094_nullable_fields_are_null_and_not_absent() -> None:
    reply = Reply(id="x", model="m", parts=(Text("x"),), stop=e.StopReason.END_TURN)
    body = msgspec.json.decode(DIALECT.encode_reply(reply, CALLER))
    choice = body["choices"][0]
    assert choice["logprobs"] is None
    assert choice["message"]["refusal"] is None


def test_rc101_zero_and_empty_survive() -> None:
    body = encoded(Target(model="m"), Message("user", (Text(""),)), temperature=0.0, max_tokens=0, seed=0)
    assert (body["temperature"], body["max_completion_tokens"], body["seed"]) == (0, 0, 0)
    assert body["messages"] == [{"role": "user", "content": ""}]


def test_rc102_a_compatible_server_gets_max_tokens() -> None:
    asked = b'{"model":"m","messages":[{"role":"user","content":"u"}],"max_completion_tokens":7}'
    sent = DIALECT.encode_request(DIALECT.decode_request(asked), Target(model="m", compatible=True))
    body = msgspec.json.decode(sent.body)
    assert body["max_tokens"] == 7
    assert "max_completion_tokens" not in body


def test_rc115_an_unreachable_provider_is_502_in_this_dialect() -> None:
    status, body = DIALECT.render_error(
        ErrorInfo(error_class=ErrorClass.UPSTREAM_ERROR, message="No connection.", status=502), "r"
    )
    assert status == 502
    assert msgspec.json.decode(body)["error"]["type"] == "api_error"


def test_rc126_azures_first_chunk_and_filter_chunks_open_no_block() -> None:
    first = chunk([], id="", object="", prompt_filter_results=[{"prompt_index": 0}])
    late = chunk([{"index": 0, "finish_reason": None, "content_filter_offsets": {"start_offset": 0}}])
    events = read(first, delta(role="assistant", content=""), delta(content="x"), late, delta(finish="stop"), DONE)
    assert [event.index for event in events if isinstance(event, e.BlockStarted)] == [0]
    assert isinstance(events[0], e.Started)
    assert events[0].id == "c"
