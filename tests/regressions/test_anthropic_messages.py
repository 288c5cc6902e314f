"""What other gateways got wrong in requests to Anthropic's API. One test a case, named by its id."""

from __future__ import annotations

import re

import msgspec
import pytest

from sekisho.canonical.request import Message, Reasoning, RedactedThinking, Request, Text, Thinking, ToolCall
from sekisho.canonical.seal import Sealed, seal
from sekisho.canonical.target import Target
from tests.regressions.messages_wires import (
    BUDGET,
    CHAT,
    MESSAGES,
    RESPONSES,
    history,
    json_bytes,
    sent,
    to_anthropic,
)

LOOK = {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}}


def test_rc029_no_thinking_budget_where_the_history_has_no_thoughts() -> None:
    body = {"messages": history("call_1"), "tools": [LOOK], "reasoning_effort": "high"}
    encoded = to_anthropic(body)
    assert "thinking" not in msgspec.json.decode(encoded.body)
    assert "reasoning" in encoded.dropped
    assert "thinking" in sent({**body, "messages": [{"role": "user", "content": "go"}]})


def test_rc030_unsigned_thoughts_do_not_go_to_claude() -> None:
    told = {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm."}
    encoded = to_anthropic({"messages": [{"role": "user", "content": "a"}, told, {"role": "user", "content": "b"}]})
    assert b"Hm." not in encoded.body
    assert "messages.thinking" in encoded.dropped


def test_rc031_rc040_claudes_thoughts_go_back_untouched() -> None:
    blocks = [
        {"type": "thinking", "thinking": " Hm. \n", "signature": "sig+/="},
        {"type": "redacted_thinking", "data": "red"},
    ]
    told = {"role": "assistant", "content": "Yes.", "thinking_blocks": blocks}
    body = sent({"messages": [{"role": "user", "content": "a"}, told, {"role": "user", "content": "b"}]})
    assert body["messages"][1]["content"] == [*blocks, {"type": "text", "text": "Yes."}]


def test_rc032_a_redacted_thought_reaches_a_responses_caller_and_comes_back() -> None:
    reply = json_bytes(
        {
            "id": "msg_1",
            "model": "c",
            "content": [{"type": "redacted_thinking", "data": "red"}, {"type": "text", "text": "a"}],
            "stop_reason": "end_turn",
        }
    )
    request = RESPONSES.decode_request(
        json_bytes({"model": "m", "input": "a", "include": ["reasoning.encrypted_content"]})
    )
    output = msgspec.json.decode(RESPONSES.encode_reply(MESSAGES.decode_reply(reply), request))["output"]
    body = sent({"input": [{"role": "user", "content": "a"}, *output, {"role": "user", "content": "b"}]}, RESPONSES)
    assert body["messages"][1]["content"][0] == {"type": "redacted_thinking", "data": "red"}


def test_rc033_encrypted_reasoning_of_claude_is_decoded_to_its_thought() -> None:
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Hm."}],
        "encrypted_content": seal(Sealed(origin="anthropic", signature="sig")),
    }
    told = {"role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]}
    items = [{"role": "user", "content": "a"}, item, told, {"role": "user", "content": "b"}]
    body = sent({"input": items}, RESPONSES)
    assert body["messages"][1]["content"][0] == {"type": "thinking", "thinking": "Hm.", "signature": "sig"}


@pytest.mark.parametrize("max_tokens", [1, 1024, 1025, 2000, 8000])
def test_rc043_a_thinking_budget_is_below_max_tokens(max_tokens: int) -> None:
    encoded = to_anthropic(
        {"messages": [{"role": "user", "content": "a"}], "max_tokens": max_tokens, "reasoning_effort": "high"}
    )
    body = msgspec.json.decode(encoded.body)
    if "thinking" in body:
        assert 1024 <= body["thinking"]["budget_tokens"] < body["max_tokens"] == max_tokens
    else:
        assert "reasoning" in encoded.dropped


def test_rc045_a_tool_has_this_apis_shape() -> None:
    body = sent({"messages": [{"role": "user", "content": "a"}], "tools": [LOOK]})
    assert body["tools"] == [{"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}]


def test_rc047_no_tool_is_a_choice() -> None:
    body = sent({"messages": [{"role": "user", "content": "a"}], "tools": [LOOK], "tool_choice": "none"})
    assert body["tool_choice"] == {"type": "none"}


def test_rc055_foreign_ids_are_made_legal_in_use_and_result() -> None:
    body = {"messages": history("call:0|é"), "tools": [LOOK]}
    content = sent(body)["messages"]
    use, result = content[1]["content"][0], content[2]["content"][0]
    assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", use["id"])
    assert use["id"] == result["tool_use_id"]
    assert sent(body)["messages"] == content


def test_rc056_results_stand_before_the_text_of_their_turn() -> None:
    asked = [*history("call_1"), {"role": "user", "content": "and?"}]
    turn = sent({"messages": asked, "tools": [LOOK]})["messages"][2]
    assert [block["type"] for block in turn["content"]] == ["tool_result", "text"]


def test_rc057_all_results_of_a_turn_are_one_message_in_order() -> None:
    messages = sent({"messages": history("a", "b", "c"), "tools": [LOOK]})["messages"]
    assert len(messages) == 3
    assert [block["tool_use_id"] for block in messages[2]["content"]] == ["a", "b", "c"]


def test_rc058_an_orphan_result_becomes_text_and_is_reported() -> None:
    request = Request(
        model="m", messages=CHAT.decode_request(json_bytes({"model": "m", "messages": history("a")})).messages[2:]
    )
    encoded = MESSAGES.encode_request(request, Target(model="c"))
    assert b"tool_result" not in encoded.body.replace(b"orphan_tool_result", b"")
    assert b"a seen" in encoded.body
    assert "messages.orphan_tool_result" in encoded.dropped


def test_rc061_calls_one_at_a_time() -> None:
    body = {"messages": [{"role": "user", "content": "a"}], "tools": [LOOK], "parallel_tool_calls": False}
    assert sent(body)["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_rc077_only_the_scope_of_a_cache_mark_is_left_out() -> None:
    mark = {"type": "ephemeral", "ttl": "1h", "scope": "global"}
    block = {"type": "text", "text": "a", "cache_control": mark}
    body = {"max_tokens": 9, "messages": [{"role": "user", "content": [block]}]}
    assert sent(body, MESSAGES)["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


def test_rc078_a_system_message_in_the_conversation_moves_nothing_before_it() -> None:
    before = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
    ]
    first = sent({"messages": [*before, {"role": "user", "content": "c"}]})
    later = sent({"messages": [*before, {"role": "user", "content": "c"}, {"role": "system", "content": "d"}]})
    assert later["system"] == first["system"] == "s"
    assert later["messages"][:2] == first["messages"][:2]
    assert [block["text"] for block in later["messages"][2]["content"]] == ["c", "d"]


def test_rc079_the_same_request_gives_the_same_bytes() -> None:
    tools = [{"type": "function", "function": {"name": f"t{at}", "parameters": {}}} for at in (3, 1, 2)]
    bodies = {to_anthropic({"messages": history("x", "y"), "tools": tools}).body for _ in range(3)}
    assert len(bodies) == 1
    assert [tool["name"] for tool in msgspec.json.decode(bodies.pop())["tools"]] == ["t3", "t1", "t2"]


def test_rc098_a_json_schema_is_asked_for_as_such_and_streams_as_text() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    body = sent({"messages": [{"role": "user", "content": "a"}], "response_format": form, "stream": True})
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    assert not {"tools", "tool_choice"} & body.keys()


def test_rc101_zero_is_not_nothing() -> None:
    body = sent({"messages": [{"role": "user", "content": "a"}], "temperature": 0, "max_tokens": 0})
    assert (body["temperature"], body["max_tokens"]) == (0, 0)


def test_thoughts_of_both_kinds_are_offered_to_a_budget_again() -> None:
    """The counterpart of RC029: with a thought in the running loop the budget stays."""
    thoughts = (Thinking(text="Hm.", signature="s", origin="anthropic"), RedactedThinking("r"))
    for thought in thoughts:
        call = ToolCall(id="a", name="look", arguments="{}")
        messages = (Message("user", (Text("go"),)), Message("assistant", (thought, call)))
        request = Request(model="m", messages=messages, reasoning=Reasoning(effort="low"))
        body = msgspec.json.decode(MESSAGES.encode_request(request, Target(model="c", profile=BUDGET)).body)
        assert body["thinking"]["type"] == "enabled"
