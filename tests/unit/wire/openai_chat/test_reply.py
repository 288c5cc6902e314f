from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion
from pydantic import TypeAdapter

from sekisho.canonical.events import Citation, StopReason
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import RedactedThinking, Refusal, Request, Text, Thinking, Tool, ToolCall
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, UpstreamProtocolError
from sekisho.wire.dialect import ReplyFacts
from sekisho.wire.openai_chat.reply import decode_reply, encode_reply, read_facts

REQUEST = Request(model="m", messages=(), tools=(Tool(name="f"), Tool(name="free", custom=True)))
SDK = TypeAdapter(ChatCompletion)


def body(message: dict[str, Any], finish_reason: str | None = "stop", **fields: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    return msgspec.json.encode(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 7,
            "model": "served",
            "choices": [choice],
            **fields,
        }
    )


def shown(reply: Reply) -> dict[str, Any]:
    encoded = encode_reply(reply, REQUEST)
    SDK.validate_json(encoded)
    value: dict[str, Any] = msgspec.json.decode(encoded)
    return value


def test_googles_signatures_stay_with_what_they_came_with() -> None:
    extra = {"google": {"thought_signature": "s1"}}
    made = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    reply = decode_reply(body({"content": "a", "tool_calls": [made | {"extra_content": extra}, made]}, "tool_calls"))
    called = ToolCall(id="1", name="f", arguments="{}")
    assert reply.parts == (Text("a"), Thinking(text="", signature="s1", origin="gemini"), called, called)
    told = shown(reply)["choices"][0]["message"]["tool_calls"]
    assert [call.get("extra_content") for call in told] == [extra, None]


def test_a_signature_of_the_message_stands_before_its_words() -> None:
    signed = Thinking(text="", signature="s1", origin="gemini")
    extra = {"google": {"thought": True, "thought_signature": "s1"}}
    assert decode_reply(body({"content": "a", "extra_content": extra})).parts == (signed, Text("a"))


def test_a_reply_with_everything() -> None:
    message = {
        "reasoning_content": "hm",
        "content": "see",
        "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
            {"id": "2", "type": "custom", "custom": {"name": "free", "input": "x"}},
        ],
        "annotations": [
            {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 3}}
        ],
    }
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 2}}
    assert decode_reply(body(message, usage=usage)) == Reply(
        id="chatcmpl-1",
        model="served",
        parts=(
            Thinking(text="hm"),
            Text("see"),
            ToolCall(id="1", name="f", arguments='{"a":1}'),
            ToolCall(id="2", name="free", arguments="x", custom=True),
        ),
        stop=StopReason.TOOL_USE,
        usage=Usage(input_tokens=7, cache_read_tokens=2, output_tokens=4),
        created_seconds=7,
        citations=((1, Citation(url="u", title="t", start=0, end=3)),),
    )


def test_a_refusal() -> None:
    reply = decode_reply(body({"content": None, "refusal": "no"}))
    assert reply.parts == (Refusal("no"),)
    assert reply.stop is StopReason.REFUSAL


def test_vendors_forms() -> None:
    calls = [{"function": {"name": "f", "arguments": {"a": 1}}}, {"function": {"name": "g"}}]
    reply = decode_reply(
        body({"content": [{"type": "text", "text": "t"}], "reasoning": "hm", "tool_calls": calls}, None)
    )
    thought, text, first, second = reply.parts
    assert (thought, text) == (Thinking(text="hm"), Text("t"))
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert (first.arguments, second.arguments) == ('{"a":1}', "")
    assert first.id != second.id
    assert reply.stop is StopReason.TOOL_USE


def test_a_filtered_choice_without_a_message_is_an_empty_refusal() -> None:
    reply = decode_reply(b'{"id":"x","model":"m","choices":[{"index":0,"finish_reason":"content_filter"}]}')
    assert (reply.parts, reply.stop) == ((), StopReason.REFUSAL)


def test_usage_inside_the_choice_is_found() -> None:
    raw = b'{"id":"x","choices":[{"message":{},"usage":{"prompt_tokens":1,"completion_tokens":2}}]}'
    assert decode_reply(raw).usage == read_facts(raw).usage == Usage(input_tokens=1, output_tokens=2)


@pytest.mark.parametrize("raw", [b"<html>", b"", b"[]", b'{"choices":3}', b'{"id":"x"}', b'{"choices":[]}', b"\xff"])
def test_other_bytes_are_a_protocol_error(raw: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        decode_reply(raw)


def test_an_error_that_came_with_status_200_keeps_its_meaning() -> None:
    raw = b'{"error":{"message":"slow down","code":429}}'
    for read in (decode_reply, read_facts):
        with pytest.raises(UpstreamProtocolError) as caught:
            read(raw)
        assert caught.value.info.error_class is ErrorClass.RATE_LIMITED
        assert caught.value.info.status == 429


@given(st.binary(max_size=50))
def test_any_bytes_decode_or_are_refused(raw: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        decode_reply(raw)


def test_the_caller_gets_every_field() -> None:
    value = shown(
        Reply(
            id="msg_1",
            model="served",
            parts=(Text("a"), Text("b")),
            stop=StopReason.STOP_SEQUENCE,
            usage=Usage(input_tokens=1, cache_read_tokens=2, output_tokens=3),
            citations=((1, Citation(url="u")),),
        )
    )
    note = {"type": "url_citation", "url_citation": {"start_index": 1, "end_index": 2, "title": "u", "url": "u"}}
    assert value["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "ab", "refusal": None, "annotations": [note]},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert (value["id"], value["object"], value["model"]) == ("chatcmpl-msg_1", "chat.completion", "served")
    assert value["usage"]["prompt_tokens"] == 3


def test_content_is_null_beside_calls_and_refusals_only() -> None:
    def content(*parts: Text | ToolCall | Refusal) -> object:
        reply = Reply(id="x", model="m", parts=parts, stop=StopReason.END_TURN)
        return shown(reply)["choices"][0]["message"]["content"]

    assert content(ToolCall(id="1", name="f", arguments="")) is None
    assert content(Refusal("no")) is None
    assert content() == ""
    assert content(Text("")) == ""


def test_calls_have_the_callers_names_and_kinds() -> None:
    calls = (
        ToolCall(id="1", name="f", arguments=""),
        ToolCall(id="2", name="free", arguments='{"input":"x"}'),
    )
    choice = shown(Reply(id="x", model="m", parts=calls, stop=StopReason.END_TURN))["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"] == [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "2", "type": "custom", "custom": {"name": "free", "input": "x"}},
    ]


def test_thoughts_are_shown_and_their_signatures_come_back() -> None:
    parts = (
        Thinking(text="a", signature="sig", origin="anthropic"),
        RedactedThinking("dark"),
        Thinking(text="b", signature="enc", origin="openai", item_id="rs_1"),
        Text("t"),
    )
    reply = Reply(id="chatcmpl-x", model="m", parts=parts, stop=StopReason.END_TURN, created_seconds=1)
    assert shown(reply)["choices"][0]["message"]["reasoning_content"] == "ab"
    assert decode_reply(encode_reply(reply, REQUEST)) == reply


_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
_calls = st.builds(
    ToolCall, id=_texts, name=_texts, arguments=st.just("{}") | st.just('{"a": "é"}'), custom=st.booleans()
)
_replies = st.builds(
    lambda thought, text, calls, usage: Reply(
        id="chatcmpl-1",
        model="m",
        parts=(*thought, *text, *calls),
        stop=StopReason.TOOL_USE if calls else StopReason.END_TURN,
        usage=usage,
        created_seconds=5,
    ),
    st.lists(st.builds(Thinking, text=_texts), max_size=1),
    st.lists(st.builds(Text, _texts), max_size=1),
    st.lists(_calls, max_size=3),
    st.none() | st.builds(Usage, input_tokens=st.integers(0, 9), output_tokens=st.integers(0, 9)),
)


@given(_replies)
def test_what_is_encoded_is_decoded_again(reply: Reply) -> None:
    raw = encode_reply(reply, Request(model="m", messages=()))
    SDK.validate_json(raw)
    assert decode_reply(raw) == reply


@pytest.mark.parametrize(("output_tokens", "size"), [(0, len("éb{}".encode())), (2, 0)], ids=["measured", "counted"])
def test_facts(output_tokens: int, size: int) -> None:
    message = {"content": "é", "reasoning": "b", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
    raw = body(message, usage={"prompt_tokens": 1, "completion_tokens": output_tokens})
    usage = Usage(input_tokens=1, output_tokens=output_tokens)
    assert read_facts(raw) == ReplyFacts(usage=usage, served_model="served", text_bytes=size)
