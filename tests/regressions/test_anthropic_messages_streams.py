"""What other gateways got wrong in streams to Messages callers and from Anthropic. One test a case, named by its id."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical import events as e
from sekisho.canonical.fold import fold
from sekisho.canonical.request import Text, Thinking, ToolCall
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass
from sekisho.wire.sse import SseReader, sse_event
from tests.regressions.messages_wires import (
    CALLER,
    CHAT,
    MESSAGES,
    RESPONSES,
    chat_call,
    chat_chunk,
    chat_stream,
    json_bytes,
    parts_of,
    to_messages,
)


def test_rc001_arguments_that_come_with_the_first_chunk_of_a_call() -> None:
    stream = chat_stream(
        chat_chunk({"role": "assistant", "content": "Let me see."}),
        chat_chunk(chat_call(0, '{"at":', "look")),
        chat_chunk(chat_call(0, " 1}")),
        chat_chunk({}, "tool_calls"),
    )
    call = ToolCall(id="call_0", name="look", arguments='{"at": 1}')
    assert parts_of(to_messages(stream, CHAT)) == (Text("Let me see."), call)


def test_rc002_reasoning_is_closed_before_the_text() -> None:
    stream = chat_stream(
        chat_chunk({"role": "assistant", "reasoning_content": "Hm"}),
        chat_chunk({"reasoning_content": "."}),
        chat_chunk({"content": "Yes."}),
        chat_chunk({}, "stop"),
    )
    events = to_messages(stream, CHAT)
    starts = [event["content_block"]["type"] for event in events if event["type"] == "content_block_start"]
    assert starts == ["thinking", "text"]
    assert parts_of(events) == (Thinking(text="Hm."), Text("Yes."))


def test_rc003_a_call_as_the_first_output_opens_its_block() -> None:
    stream = chat_stream(chat_chunk(chat_call(0, "", "look")), chat_chunk({}, "tool_calls"))
    events = to_messages(stream, CHAT)
    assert events[1]["content_block"] == {"type": "tool_use", "id": "call_0", "name": "look", "input": {}}
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_rc004_parallel_calls_are_blocks_of_their_own() -> None:
    stream = chat_stream(
        chat_chunk(chat_call(0, "", "look")),
        chat_chunk(chat_call(1, "", "look")),
        chat_chunk(chat_call(0, '{"a":1}')),
        chat_chunk(chat_call(1, '{"b":2}')),
        chat_chunk({}, "tool_calls"),
    )
    assert parts_of(to_messages(stream, CHAT)) == (
        ToolCall(id="call_0", name="look", arguments='{"a":1}'),
        ToolCall(id="call_1", name="look", arguments='{"b":2}'),
    )


def test_rc005_the_start_comes_before_a_thought() -> None:
    stream = chat_stream(chat_chunk({"reasoning_content": "Hm."}), chat_chunk({"content": "a"}, "stop"))
    assert [event["type"] for event in to_messages(stream, CHAT)][:2] == ["message_start", "content_block_start"]


def test_rc008_the_usage_at_the_start_is_whole_and_the_stop_is_bare() -> None:
    events = to_messages(chat_stream(chat_chunk({"content": "a"}), chat_chunk({}, "stop")), CHAT)
    assert {
        "input_tokens",
        "output_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "cache_creation",
    } <= events[0]["message"]["usage"].keys()
    assert events[-1] == {"type": "message_stop"}


def test_rc017_a_drifting_choice_index_breaks_no_call() -> None:
    stream = chat_stream(
        chat_chunk({"role": "assistant", "content": "I look."}),
        chat_chunk(chat_call(0, '{"at":', "look"), index=1),
        chat_chunk(chat_call(0, "1}"), index=1),
        chat_chunk({}, "tool_calls", index=1),
    )
    parts = parts_of(to_messages(stream, CHAT))
    assert parts[-1] == ToolCall(id="call_0", name="look", arguments='{"at":1}')


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_rc018_rc020_characters_and_events_cut_between_chunks(size: int) -> None:
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "msg_1", "model": "c", "usage": {}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "見て🙂é"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_stop"},
    ]
    stream = b"".join(sse_event(json_bytes(event), event["type"]) for event in events)
    reader = MESSAGES.stream_reader()
    seen = [event for at in range(0, len(stream), size) for event in reader.feed(stream[at : at + size])]
    assert fold(seen).parts == (Text("見て🙂é"),)


def test_rc025_an_overload_in_the_stream_keeps_its_class() -> None:
    error: dict[str, Any] = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    (failed,) = MESSAGES.stream_reader().feed(sse_event(json_bytes(error), "error"))
    assert isinstance(failed, e.Failed)
    assert (failed.error.error_class, failed.error.status) == (ErrorClass.OVERLOADED, 529)
    written = MESSAGES.stream_writer(CALLER).write(failed)
    assert written == sse_event(json_bytes(error), "error")


def test_rc033_reasoning_of_openai_survives_a_messages_caller() -> None:
    thought = Thinking(text="", signature="gAAA", origin="openai", item_id="rs_1")
    writer = MESSAGES.stream_writer(CALLER)
    events: tuple[e.Event, ...] = (
        e.Started(id="resp_1", model="gpt-x"),
        e.BlockStarted(index=0, kind="thinking", origin="openai", item_id="rs_1"),
        e.SignatureDelta(0, "gAAA", "openai"),
        e.BlockEnded(0),
        e.Finished(stop=e.StopReason.END_TURN),
    )
    written = SseReader().feed(b"".join(writer.write(event) for event in events))
    (block,) = [msgspec.json.decode(data)["content_block"] for name, data in written if name == b"content_block_start"]
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "assistant", "content": [block]}]}
    assert MESSAGES.decode_request(json_bytes(body)).messages[0].parts == (thought,)


def test_rc081_rc085_cached_tokens_of_a_chat_stream_are_told_apart_at_its_end() -> None:
    usage = {
        "prompt_tokens": 9888,
        "completion_tokens": 7,
        "total_tokens": 9895,
        "prompt_tokens_details": {"cached_tokens": 6752},
    }
    last = {**chat_chunk({}), "choices": [], "usage": usage}
    events = to_messages(chat_stream(chat_chunk({"content": "a"}), chat_chunk({}, "stop"), last), CHAT)
    assert events[-2]["usage"] == {
        "input_tokens": 3136,
        "cache_read_input_tokens": 6752,
        "cache_creation_input_tokens": 0,
        "output_tokens": 7,
    }


def test_rc082_cached_tokens_of_a_responses_stream_are_told_apart() -> None:
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 105,
    }
    response = {"id": "resp_1", "object": "response", "model": "gpt-x", "created_at": 1, "output": []}
    ended = {**response, "status": "completed", "usage": usage}
    frames = [
        {"type": "response.created", "sequence_number": 0, "response": {**response, "status": "in_progress"}},
        {"type": "response.completed", "sequence_number": 1, "response": ended},
    ]
    stream = b"".join(sse_event(json_bytes(frame), str(frame["type"])) for frame in frames)
    told = to_messages(stream, RESPONSES)[-2]["usage"]
    assert (told["input_tokens"], told["cache_read_input_tokens"], told["output_tokens"]) == (40, 60, 5)


def test_rc084_the_counts_of_a_stream_replace_each_other() -> None:
    start = {"input_tokens": 10, "cache_read_input_tokens": 50, "output_tokens": 1}
    frames: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "msg_1", "model": "c", "usage": start}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {**start, "output_tokens": 20}},
        {"type": "message_stop"},
    ]
    stream = b"".join(sse_event(json_bytes(frame), frame["type"]) for frame in frames)
    reader, watch = MESSAGES.stream_reader(), MESSAGES.stream_watch(False)
    watch.feed(stream)
    expected = Usage(input_tokens=10, cache_read_tokens=50, output_tokens=20)
    assert fold(reader.feed(stream)).usage == watch.usage == expected
