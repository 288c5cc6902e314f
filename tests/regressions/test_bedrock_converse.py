"""What other gateways got wrong on the way to and from Bedrock's Converse. One test a case, named by its id."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical.seal import Sealed, seal
from sekisho.canonical.target import Encoded, Target
from sekisho.core.errors import ErrorClass
from sekisho.providers.profiles import profile_of
from sekisho.wire.eventstream import EventStreamReader, encode_message
from sekisho.wire.registry import BY_NAME
from sekisho.wire.sse import SseReader
from tests.regressions.messages_wires import CHAT, MESSAGES, RESPONSES, history, json_bytes, to_messages

CONVERSE = BY_NAME["bedrock-converse"]
CLAUDE, NOVA = "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.amazon.nova-lite-v1:0"
LOOK = {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}}
MARK = {"type": "ephemeral", "ttl": "1h", "scope": "global"}
POINT = {"cachePoint": {"type": "default", "ttl": "1h"}}
USER = {"role": "user", "content": "go"}


def to_converse(body: dict[str, Any], source: Any = CHAT, model: str = CLAUDE) -> Encoded:
    request = source.decode_request(
        json_bytes({"model": "m", "max_tokens": 9000, **body} if source is not RESPONSES else {"model": "m", **body})
    )
    encoded: Encoded = CONVERSE.encode_request(request, Target(model=model, profile=profile_of(model)))
    return encoded


def sent(body: dict[str, Any], source: Any = CHAT, model: str = CLAUDE) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(to_converse(body, source, model).body)
    return decoded


def stream(*events: tuple[str, dict[str, Any]]) -> bytes:
    """A ConverseStream of these events, head and tail included."""
    usage = {
        "inputTokens": 3,
        "outputTokens": 9,
        "totalTokens": 12,
        "cacheReadInputTokens": 5,
        "cacheWriteInputTokens": 2,
    }
    said = [
        ("messageStart", {"role": "assistant"}),
        *events,
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": usage, "metrics": {"latencyMs": 1}}),
    ]
    return b"".join(
        encode_message({":event-type": kind, ":message-type": "event"}, json_bytes({**payload, "p": "ab"}))
        for kind, payload in said
    )


def delta(index: int, **piece: Any) -> tuple[str, dict[str, Any]]:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": piece}


def stop(index: int) -> tuple[str, dict[str, Any]]:
    return "contentBlockStop", {"contentBlockIndex": index}


def call(index: int) -> list[tuple[str, dict[str, Any]]]:
    start = {"toolUse": {"toolUseId": f"t{index}", "name": "look"}}
    begin = ("contentBlockStart", {"contentBlockIndex": index, "start": start})
    return [begin, delta(index, toolUse={"input": f'{{"a":{index}}}'}), stop(index)]


THINKING = [delta(0, reasoningContent={"text": "Hm."}), delta(0, reasoningContent={"signature": "sig"}), stop(0)]


def to_chat(data: bytes) -> list[dict[str, Any]]:
    """What a chat caller reads of a ConverseStream."""
    asked = {"model": "m", "messages": [USER], "stream": True, "stream_options": {"include_usage": True}}
    reader, writer = CONVERSE.stream_reader(), CHAT.stream_writer(CHAT.decode_request(json_bytes(asked)))
    out = b"".join(writer.write(event) for event in [*reader.feed(data), *reader.close()])
    return [msgspec.json.decode(piece) for _, piece in SseReader().feed(out) if piece != b"[DONE]"]


def test_rc004_parallel_calls_are_blocks_of_their_own() -> None:
    events = to_messages(stream(*call(0), *call(1)), CONVERSE)
    starts = [event for event in events if event["type"] == "content_block_start"]
    assert [(event["index"], event["content_block"]["id"]) for event in starts] == [(0, "t0"), (1, "t1")]
    inputs = [event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta"]
    assert inputs == ['{"a":0}', '{"a":1}']


def test_rc005_the_message_starts_before_a_thought() -> None:
    events = to_messages(stream(*THINKING), CONVERSE)
    assert [event["type"] for event in events[:3]] == ["message_start", "content_block_start", "content_block_delta"]
    assert events[2]["delta"] == {"type": "thinking_delta", "thinking": "Hm."}


def test_rc007_a_signature_reaches_a_chat_caller_once() -> None:
    chunks = to_chat(stream(*THINKING, delta(1, text="a"), stop(1)))
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    signed = [block for each in deltas for block in each.get("thinking_blocks", ()) if block.get("signature")]
    assert [block["signature"] for block in signed] == ["sig"]
    assert {} not in deltas[:-1]


def thoughtful(*thoughts: dict[str, Any]) -> dict[str, Any]:
    told = {"role": "assistant", "content": [*thoughts, {"type": "text", "text": "Yes."}]}
    return {"messages": [USER, told, USER]}


def test_rc030_unsigned_thoughts_go_to_nova_and_not_to_claude() -> None:
    body = thoughtful({"type": "thinking", "thinking": "Hm.", "signature": ""})
    assert b"Hm." not in to_converse(body, MESSAGES).body
    assert "messages.thinking" in to_converse(body, MESSAGES).dropped
    told = sent(body, MESSAGES, NOVA)["messages"][1]["content"][0]
    assert told == {"reasoningContent": {"reasoningText": {"text": "Hm."}}}


def test_rc031_claudes_signatures_travel_between_bedrock_and_anthropic() -> None:
    thoughts = [
        {"type": "thinking", "thinking": " Hm. \n", "signature": "sig+/="},
        {"type": "redacted_thinking", "data": "EmwK"},
    ]
    body = sent(thoughtful(*thoughts), MESSAGES)
    assert body["messages"][1]["content"][:2] == [
        {"reasoningContent": {"reasoningText": {"text": " Hm. \n", "signature": "sig+/="}}},
        {"reasoningContent": {"redactedContent": "EmwK"}},
    ]
    request = CONVERSE.decode_request(json_bytes(body))
    back = msgspec.json.decode(MESSAGES.encode_request(request, Target(model="c", profile=profile_of(CLAUDE))).body)
    assert back["messages"][1]["content"][:2] == thoughts


def test_rc033_encrypted_reasoning_of_claude_is_decoded_to_its_thought() -> None:
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Hm."}],
        "encrypted_content": seal(Sealed(origin="anthropic", signature="sig")),
    }
    told = {"role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]}
    body = sent({"input": [USER, item, told, USER]}, RESPONSES)
    thought = {"reasoningText": {"text": "Hm.", "signature": "sig"}}
    assert body["messages"][1]["content"][0] == {"reasoningContent": thought}


def test_rc043_a_thinking_budget_is_below_max_tokens() -> None:
    for max_tokens in (1, 1024, 1025, 2000, 8000):
        encoded = to_converse({"messages": [USER], "max_tokens": max_tokens, "reasoning_effort": "high"})
        thinking = msgspec.json.decode(encoded.body).get("additionalModelRequestFields", {}).get("thinking")
        if thinking is None:
            assert "reasoning" in encoded.dropped
        else:
            assert 1024 <= thinking["budget_tokens"] < max_tokens


def test_rc047_without_a_word_for_none_the_tools_stay_and_the_choice_is_reported() -> None:
    encoded = to_converse({"messages": history("a"), "tools": [LOOK], "tool_choice": "none"})
    assert list(msgspec.json.decode(encoded.body)["toolConfig"]) == ["tools"]
    assert "tool_choice" in encoded.dropped


def test_rc055_foreign_ids_are_made_legal_in_use_and_result() -> None:
    messages = sent({"messages": history("call:0|é"), "tools": [LOOK]})["messages"]
    made = messages[1]["content"][0]["toolUse"]["toolUseId"]
    assert made.isascii()
    assert messages[2]["content"][0]["toolResult"]["toolUseId"] == made
    assert sent({"messages": history("call:0|é"), "tools": [LOOK]})["messages"] == messages


def test_rc056_results_stand_before_the_text_of_their_turn() -> None:
    asked = [*history("call_1"), {"role": "user", "content": "and?"}]
    turn = sent({"messages": asked, "tools": [LOOK]})["messages"][2]
    assert [next(iter(block)) for block in turn["content"]] == ["toolResult", "text"]


def test_rc057_all_results_of_a_turn_are_one_message_in_order() -> None:
    messages = sent({"messages": history("a", "b", "c"), "tools": [LOOK]})["messages"]
    assert len(messages) == 3
    assert [block["toolResult"]["toolUseId"] for block in messages[2]["content"]] == ["a", "b", "c"]


def test_history_with_calls_and_no_tools_still_declares_them() -> None:
    assert sent({"messages": history("a")})["toolConfig"]["tools"][0]["toolSpec"]["name"] == "look"


def test_rc068_marks_of_assistant_and_tool_messages_become_points() -> None:
    told = {"role": "assistant", "content": [{"type": "text", "text": "b", "cache_control": MARK}]}
    asked = history("call_1", cache_control=MARK)
    content = [
        message["content"] for message in sent({"messages": [*asked, USER, told, USER], "tools": [LOOK]})["messages"]
    ]
    assert content[3] == [{"text": "b"}, POINT]
    assert content[2][1:] == [POINT, {"text": "go"}]


def test_rc069_a_marked_result_has_its_point_behind_it_with_its_life() -> None:
    use = {"type": "tool_use", "id": "t", "name": "look", "input": {}}
    inner = {"type": "text", "text": "seen", "cache_control": MARK}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [inner]}
    messages = [USER, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    content = sent({"messages": messages}, MESSAGES)["messages"][2]["content"]
    assert content == [{"toolResult": {"toolUseId": "t", "content": [{"text": "seen"}]}}, POINT]


def test_rc070_a_marked_tool_has_its_point_behind_it() -> None:
    tool = {"name": "look", "input_schema": {"type": "object"}, "cache_control": MARK}
    tools = sent({"messages": [USER], "tools": [tool]}, MESSAGES)["toolConfig"]["tools"]
    assert tools == [{"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}, POINT]


def test_rc072_rc077_the_life_of_a_mark_is_kept_and_its_scope_is_not() -> None:
    block = {"type": "text", "text": "a", "cache_control": MARK}
    body = sent({"system": [block], "messages": [{"role": "user", "content": [block]}]}, MESSAGES)
    assert body["system"] == body["messages"][0]["content"] == [{"text": "a"}, POINT]


def test_rc074_nova_gets_no_point_behind_a_result_or_a_tool() -> None:
    tool = LOOK | {"cache_control": MARK}
    encoded = to_converse({"messages": history("a", cache_control=MARK), "tools": [tool]}, model=NOVA)
    assert b"cachePoint" not in encoded.body
    assert "cache_control" in encoded.dropped


def test_rc078_a_system_message_in_the_conversation_moves_nothing_before_it() -> None:
    before = [{"role": "system", "content": "s"}, USER, {"role": "assistant", "content": "b"}, USER]
    first = sent({"messages": before})
    later = sent({"messages": [*before, {"role": "system", "content": "d"}]})
    assert later["system"] == first["system"] == [{"text": "s"}]
    assert later["messages"][:2] == first["messages"][:2]
    assert later["messages"][2]["content"] == [{"text": "go"}, {"text": "d"}]


def test_rc079_the_same_request_gives_the_same_bytes() -> None:
    tools = [{"type": "function", "function": {"name": f"t{at}", "parameters": {}}} for at in (3, 1, 2)]
    bodies = {to_converse({"messages": history("x", "y"), "tools": tools}).body for _ in range(3)}
    assert len(bodies) == 1
    specs = msgspec.json.decode(bodies.pop())["toolConfig"]["tools"]
    assert [tool["toolSpec"]["name"] for tool in specs] == ["t3", "t1", "t2"]


def test_rc080_a_document_has_the_same_name_every_time() -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}
    asked = {"messages": [{"role": "user", "content": [{"type": "document", "source": source}]}]}
    assert to_converse(asked, MESSAGES).body == to_converse(asked, MESSAGES).body
    assert sent(asked, MESSAGES)["messages"][0]["content"][0]["document"]["name"].startswith("document-")


def test_rc083_prompt_tokens_count_the_cache() -> None:
    usage = to_chat(stream(delta(0, text="a"), stop(0)))[-1]["usage"]
    assert (usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]) == (10, 5)
    assert usage["total_tokens"] == 19


@pytest.mark.parametrize("model", [CLAUDE, "deepseek.v3-v1:0"])
def test_rc099_rc100_a_schema_is_a_string_in_its_own_field(model: str) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
    form = {"format": {"type": "json_schema", "name": "n", "schema": schema, "strict": True}}
    body = sent({"input": "go", "text": form}, RESPONSES, model)
    inner = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert msgspec.json.decode(inner["schema"]) == schema
    assert "toolConfig" not in body


def test_rc101_zero_is_not_nothing() -> None:
    body = sent({"messages": [USER], "temperature": 0, "max_tokens": 0})
    assert body["inferenceConfig"] == {"maxTokens": 0, "temperature": 0}


def test_rc116_an_errors_name_ends_at_the_colon() -> None:
    header = "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/"
    info = CONVERSE.parse_error(429, b'{"message":"Too many requests"}', header)
    assert (info.error_class, info.code) == (ErrorClass.RATE_LIMITED, "ThrottlingException")


def test_the_end_of_a_stream_waits_for_the_counts() -> None:
    """Usage comes after the stop reason: whoever finishes at `messageStop` reports none."""
    events = to_messages(stream(delta(0, text="a"), stop(0)), CONVERSE)
    assert events[-2]["usage"]["output_tokens"] == 9


def test_only_calls_are_announced_to_a_caller() -> None:
    reader, writer = (
        MESSAGES.stream_reader(),
        CONVERSE.stream_writer(
            CONVERSE.decode_request(json_bytes({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}))
        ),
    )
    said = b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json_bytes(event))
        for event in to_messages(stream(*THINKING, delta(1, text="a"), stop(1), *call(2)), CONVERSE)
    )
    out = b"".join(writer.write(event) for event in [*reader.feed(said), *reader.close()])
    kinds = [message.header(":event-type") for message in EventStreamReader().feed(out)]
    assert kinds.count("contentBlockStart") == 1
    assert kinds[-2:] == ["messageStop", "metadata"]
