from __future__ import annotations

from typing import Any

import msgspec
import pytest
from anthropic.types import Message as SdkMessage
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.events import Citation, StopReason
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Part, RedactedThinking, Refusal, Request, Text, Thinking, Tool, ToolCall
from sekisho.canonical.seal import unseal
from sekisho.canonical.tools import legal_name
from sekisho.canonical.usage import Usage
from sekisho.core.errors import UpstreamProtocolError
from sekisho.wire.anthropic_messages.reply import decode_reply, encode_reply, message_id, stop_word
from tests.unit.wire.anthropic_messages.samples import asked, status_of


def reply(*parts: Part, stop: StopReason = StopReason.END_TURN, **fields: Any) -> Reply:
    return Reply(**{"id": "msg_1", "model": "claude-x", "parts": parts, "stop": stop, "usage": Usage(), **fields})


def written(made: Reply, request: Request | None = None) -> dict[str, Any]:
    """The reply as the caller gets it, which the official SDK must take."""
    body = encode_reply(made, request or asked())
    SdkMessage.model_validate_json(body)
    decoded: dict[str, Any] = msgspec.json.decode(body)
    return decoded


def test_a_whole_reply_is_read() -> None:
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "s"},
            {"type": "redacted_thinking", "data": "r"},
            {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "q"}},
            {"type": "web_search_tool_result", "tool_use_id": "srv", "content": [{"type": "web_search_result"}]},
            {"type": "text", "text": "See.", "citations": [{"type": "web_search_result_location", "url": "https://x"}]},
            {"type": "tool_use", "id": "t1", "name": "look", "input": {"b": 1, "a": 2}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 4, "output_tokens": 5, "cache_creation_input_tokens": 2},
    }
    assert decode_reply(msgspec.json.encode(body)) == reply(
        Thinking(text="Hm.", signature="s", origin="anthropic"),
        RedactedThinking("r"),
        Text("See."),
        ToolCall(id="t1", name="look", arguments='{"b":1,"a":2}'),
        stop=StopReason.TOOL_USE,
        usage=Usage(input_tokens=4, output_tokens=5, cache_write_tokens=2),
        citations=((2, Citation(url="https://x")),),
    )


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"type":"error","error":{}}', b'{"id":5}'])
def test_what_is_no_reply_is_the_providers_fault(body: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        decode_reply(body)


def test_an_unheard_stop_reason_still_ends_the_turn() -> None:
    assert decode_reply(b'{"id":"m","stop_reason":"tired"}').stop is StopReason.END_TURN


def test_the_usage_has_every_field_that_callers_count_by() -> None:
    usage = Usage(input_tokens=1, cache_read_tokens=2, cache_write_tokens=7, cache_write_1h_tokens=3, output_tokens=4)
    assert written(reply(Text("a"), usage=usage))["usage"] == {
        "input_tokens": 1,
        "cache_creation_input_tokens": 7,
        "cache_read_input_tokens": 2,
        "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 3},
        "output_tokens": 4,
        "service_tier": "standard",
    }
    thought = written(reply(Text("a"), usage=Usage(output_tokens=9, reasoning_tokens=6)))["usage"]
    assert thought["output_tokens_details"] == {"thinking_tokens": 6}
    assert written(reply(Text("a"), usage=None))["usage"]["input_tokens"] == 0


def test_a_refusal_is_text_and_empty_text_is_nothing() -> None:
    content = written(reply(Text(""), Refusal("No."), stop=StopReason.REFUSAL))["content"]
    assert content == [{"type": "text", "text": "No."}]


@pytest.mark.parametrize("stop", [StopReason.END_TURN, StopReason.STOP_SEQUENCE, StopReason.TOOL_USE])
def test_calls_end_with_tool_use(stop: StopReason) -> None:
    made = reply(ToolCall(id="t", name="look", arguments=""), stop=stop)
    assert written(made)["stop_reason"] == "tool_use"
    assert written(made)["content"] == [{"type": "tool_use", "id": "t", "name": "look", "input": {}}]


def test_every_stop_reason_has_a_word() -> None:
    words = {stop_word(stop, calls=False) for stop in StopReason}
    assert len(words) == len(StopReason)
    assert stop_word(StopReason.MAX_TOKENS, calls=True) == "max_tokens"


def test_thoughts_of_others_travel_sealed() -> None:
    foreign = {"signature": "gAAA", "origin": "openai", "item_id": "rs_1"}
    content = written(
        reply(
            Thinking(text="Hm.", **foreign),
            Thinking(text="", **foreign),
            Thinking(text="plain"),
            Thinking(text=""),
            Thinking(text="", signature="own", origin="anthropic"),
        )
    )["content"]
    sealed, redacted, plain, own = content
    assert (sealed["type"], sealed["thinking"]) == ("thinking", "Hm.")
    assert redacted["type"] == "redacted_thinking"
    for opaque in (sealed["signature"], redacted["data"]):
        thought = unseal(opaque)
        assert thought is not None
        assert (thought.signature, thought.origin, thought.item_id) == ("gAAA", "openai", "rs_1")
    assert plain == {"type": "thinking", "thinking": "plain", "signature": ""}
    assert own == {"type": "thinking", "thinking": "", "signature": "own"}


def test_a_tool_gets_back_the_callers_own_name() -> None:
    name = "a tool with a name that no other provider takes"
    made = reply(ToolCall(id="t", name=legal_name(name), arguments="{}"))
    assert written(made, asked(tools=(Tool(name=name),)))["content"][0]["name"] == name


def test_citations() -> None:
    made = reply(
        Text("a"),
        Text("b"),
        citations=((1, Citation(url="https://x", title="X")), (1, Citation(title="Paper", cited_text="c", end=4))),
    )
    plain, cited = written(made)["content"]
    assert "citations" not in plain
    assert [found["type"] for found in cited["citations"]] == ["web_search_result_location", "char_location"]
    assert cited["citations"][1]["cited_text"] == "c"


def test_ids_have_this_apis_form() -> None:
    assert message_id("msg_abc") == "msg_abc"
    assert message_id("chatcmpl-1") == message_id("chatcmpl-1") != message_id("chatcmpl-2")
    assert message_id("chatcmpl-1").startswith("msg_")


PARTS = st.one_of(
    st.builds(Text, st.text(min_size=1)),
    st.builds(RedactedThinking, st.text(min_size=1)),
    st.builds(Thinking, text=st.text(), signature=st.text(min_size=1), origin=st.just("anthropic")),
    st.builds(
        ToolCall,
        id=st.text(min_size=1),
        name=st.text(min_size=1),
        arguments=st.dictionaries(st.text(), st.integers(-(2**53), 2**53)).map(
            lambda v: msgspec.json.encode(v).decode()
        ),
    ),
)
REPLIES = st.builds(
    Reply,
    id=st.just("msg_1"),
    model=st.text(min_size=1),
    parts=st.lists(PARTS, max_size=4).map(tuple),
    stop=st.sampled_from([StopReason.MAX_TOKENS, StopReason.REFUSAL, StopReason.PAUSE]),
    stop_sequence=st.none() | st.text(),
    usage=st.builds(
        Usage,
        input_tokens=st.integers(0, 99),
        output_tokens=st.integers(0, 99),
        service_tier=st.sampled_from(["standard", "priority"]),
    ),
)


@given(REPLIES)
def test_a_reply_comes_back_the_same(made: Reply) -> None:
    assert decode_reply(encode_reply(made, asked())) == made


@given(st.binary())
def test_any_bytes_are_a_reply_or_the_providers_fault(body: bytes) -> None:
    assert status_of(lambda: decode_reply(body)) in {200, 502}
