from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from sekisho.canonical import events as e
from sekisho.canonical.fold import fold, unfold
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Part, RedactedThinking, Refusal, Request, Text, Thinking, Tool, ToolCall
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, ErrorInfo
from sekisho.wire.openai_chat.reply import encode_reply
from sekisho.wire.openai_chat.stream_reader import ChatStreamReader
from sekisho.wire.openai_chat.stream_writer import DONE, ChatStreamWriter
from sekisho.wire.sse import COMMENT_PING, SseReader

TOOLS = (Tool(name="f"), Tool(name="free", custom=True))
PLAIN = Request(model="m", messages=(), tools=TOOLS)
COUNTED = Request(model="m", messages=(), tools=TOOLS, include_usage=True)
STARTED = e.Started(id="msg_1", model="served", created_seconds=5)


def write(events: Iterable[e.Event], request: Request = PLAIN) -> bytes:
    writer = ChatStreamWriter(request)
    return b"".join(writer.write(event) for event in events)


def chunks(stream: bytes) -> list[dict[str, Any]]:
    reader = SseReader()
    datas = [data for _, data in (*reader.feed(stream), *reader.close())]
    return [msgspec.json.decode(data) for data in datas if data != b"[DONE]"]


def deltas(events: Iterable[e.Event]) -> list[dict[str, Any]]:
    """What each chunk adds, after the first, which has the role."""
    said = [chunk["choices"][0]["delta"] for chunk in chunks(write([STARTED, *events]))]
    assert said[0] == {"role": "assistant", "content": "", "refusal": None}
    return said[1:]


def block(index: int, kind: Any, *inner: e.Event, **fields: Any) -> list[e.Event]:
    return [e.BlockStarted(index=index, kind=kind, **fields), *inner, e.BlockEnded(index)]


def test_googles_signature_stands_on_the_call_that_follows_it() -> None:
    signed = block(0, "thinking", e.SignatureDelta(0, "s1", "gemini"), origin="gemini")
    calls = [*block(1, "tool_call", call_id="a", name="f"), *block(2, "tool_call", call_id="b", name="f")]
    told = [delta["tool_calls"][0] for delta in deltas([*signed, *calls]) if "tool_calls" in delta]
    begun = [call.get("extra_content") for call in told if "id" in call]
    assert begun == [{"google": {"thought_signature": "s1"}}, None]


def test_one_constant_head_and_a_finish_chunk() -> None:
    events: list[e.Event] = [STARTED, *block(0, "text", e.TextDelta(0, "a")), e.Finished(stop=e.StopReason.END_TURN)]
    stream = write(events)
    assert stream.endswith(DONE)
    told = chunks(stream)
    heads = [{key: chunk[key] for key in ("id", "object", "created", "model")} for chunk in told]
    assert heads == [
        {"id": "chatcmpl-msg_1", "object": "chat.completion.chunk", "created": 5, "model": "served"}
    ] * len(told)
    assert [chunk["choices"][0]["finish_reason"] for chunk in told] == [None, None, "stop"]
    assert told[-1]["choices"][0]["delta"] == {}
    assert "usage" not in told[-1]


def test_usage_is_told_to_those_who_asked() -> None:
    usage = Usage(input_tokens=1, output_tokens=2)
    events: list[e.Event] = [STARTED, e.UsageReported(usage), e.Finished(stop=e.StopReason.END_TURN)]
    told = chunks(write(events, COUNTED))
    assert [chunk["usage"] for chunk in told[:-1]] == [None, None]
    assert told[-1]["choices"] == []
    assert told[-1]["usage"]["total_tokens"] == 3
    assert all("usage" not in chunk for chunk in chunks(write(events)))


def test_usage_known_at_the_start_is_told_at_the_end() -> None:
    started = e.Started(id="x", model="m", usage=Usage(input_tokens=7))
    told = chunks(write([started, e.Finished(stop=e.StopReason.END_TURN)], COUNTED))
    assert told[-1]["usage"]["prompt_tokens"] == 7
    assert len(chunks(write([STARTED, e.Finished(stop=e.StopReason.END_TURN)], COUNTED))) == 2


def test_tool_calls_are_counted_by_themselves() -> None:
    events = (
        *block(0, "text", e.TextDelta(0, "a")),
        *block(1, "tool_call", e.ArgumentsDelta(1, '{"x"'), e.ArgumentsDelta(1, ":1}"), call_id="a", name="f"),
        *block(2, "tool_call", call_id="b", name="g"),
    )
    assert deltas(events) == [
        {"content": "a"},
        {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
        {"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
    ]


def test_a_custom_tool_that_travelled_as_a_function_comes_back_as_free_text() -> None:
    pieces = (e.ArgumentsDelta(0, '{"input":"say'), e.ArgumentsDelta(0, ' hi"}'))
    started = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "free", "input": ""}}
    said = {"tool_calls": [{"index": 0, "custom": {"input": "say hi"}}]}
    assert deltas(block(0, "tool_call", *pieces, call_id="a", name="free")) == [{"tool_calls": [started]}, said]
    native = block(0, "tool_call", e.ArgumentsDelta(0, "say hi"), call_id="a", name="free", custom=True)
    assert deltas(native) == [{"tool_calls": [started]}, said]
    assert deltas(block(0, "tool_call", call_id="a", name="free")) == [{"tool_calls": [started]}]


def test_a_thought_is_told_in_pieces_and_its_signature_once_with_the_whole() -> None:
    events = (
        *block(
            0, "thinking", e.ThinkingDelta(0, "h"), e.ThinkingDelta(0, "m"), e.SignatureDelta(0, "sig", "anthropic")
        ),
        *block(1, "redacted_thinking", data="dark"),
        *block(2, "thinking", e.ThinkingDelta(2, "free")),
    )
    assert deltas(events) == [
        {"reasoning_content": "h"},
        {"reasoning_content": "m"},
        {"thinking_blocks": [{"index": 0, "type": "thinking", "thinking": "hm", "signature": "sig"}]},
        {"thinking_blocks": [{"index": 1, "type": "redacted_thinking", "data": "dark"}]},
        {"reasoning_content": "free"},
    ]


def test_empty_pieces_say_nothing() -> None:
    writer = ChatStreamWriter(PLAIN)
    writer.write(STARTED)
    writer.write(e.BlockStarted(index=0, kind="text"))
    writer.write(e.BlockStarted(index=1, kind="thinking"))
    writer.write(e.BlockStarted(index=2, kind="tool_call", call_id="a", name="f"))
    assert writer.write(e.TextDelta(0, "")) == b""
    assert writer.write(e.ThinkingDelta(1, "")) == b""
    assert writer.write(e.ArgumentsDelta(2, "")) == b""
    assert writer.write(e.CitationAdded(0, e.Citation(cited_text="no address"))) == b""


def test_a_refusal_ends_with_stop() -> None:
    events = [STARTED, *block(0, "refusal", e.TextDelta(0, "no")), e.Finished(stop=e.StopReason.REFUSAL)]
    told = chunks(write(events))
    assert told[1]["choices"][0]["delta"] == {"refusal": "no"}
    assert told[-1]["choices"][0]["finish_reason"] == "stop"


def test_citations_count_from_the_start_of_the_message() -> None:
    events = (
        *block(0, "text", e.TextDelta(0, "ab")),
        *block(1, "text", e.TextDelta(1, "cde"), e.CitationAdded(1, e.Citation(url="u", title="t"))),
    )
    cited = {"start_index": 2, "end_index": 5, "title": "t", "url": "u"}
    assert deltas(events)[-1] == {"annotations": [{"index": 0, "type": "url_citation", "url_citation": cited}]}


def test_a_ping_is_a_comment() -> None:
    assert write([e.Ping()]) == COMMENT_PING


def test_after_an_error_nothing_says_done() -> None:
    error = ErrorInfo(error_class=ErrorClass.OVERLOADED, message="full", status=529)
    stream = write([STARTED, e.Failed(error)])
    assert chunks(stream)[-1]["error"]["message"] == "full"
    assert DONE not in stream


@pytest.mark.parametrize("stop", list(e.StopReason))
def test_every_reason_is_a_word_of_the_dialect(stop: e.StopReason) -> None:
    told = chunks(write([STARTED, e.Finished(stop=stop)]))
    assert told[-1]["choices"][0]["finish_reason"] in {"stop", "length", "tool_calls", "content_filter"}


_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
_thoughts: st.SearchStrategy[Part] = st.one_of(
    st.builds(Thinking, text=st.just("") | _texts, signature=_texts, origin=st.sampled_from(["anthropic", "openai"])),
    st.builds(RedactedThinking, _texts),
)
_calls: st.SearchStrategy[Part] = st.one_of(
    st.builds(ToolCall, id=_texts, name=st.just("f"), arguments=st.sampled_from(["{}", '{"é": [1]}'])),
    st.builds(ToolCall, id=_texts, name=st.just("free"), arguments=_texts, custom=st.just(True)),
)
_spoken: st.SearchStrategy[Part] = st.one_of(st.builds(Text, _texts), st.builds(Refusal, _texts))
_replies = st.builds(
    lambda thoughts, text, calls: Reply(
        id="chatcmpl-1",
        model="m",
        parts=(*thoughts, *text, *calls),
        stop=e.StopReason.TOOL_USE if calls else e.StopReason.MAX_TOKENS,
        usage=Usage(input_tokens=1, output_tokens=2),
        created_seconds=5,
    ),
    st.lists(_thoughts, max_size=3),
    st.lists(_spoken, max_size=1),
    st.lists(_calls, max_size=3),
)


@given(_replies)
def test_what_is_written_is_read_again(reply: Reply) -> None:
    reader = ChatStreamReader()
    events = reader.feed(write(unfold(reply), COUNTED)) + reader.close()
    assert fold(events) == reply


@given(_replies)
def test_the_official_sdk_joins_the_stream_to_the_whole_reply(reply: Reply) -> None:
    """The chunks as the SDK reads them, joined by its own helper, hold what the unstreamed reply holds."""
    state = ChatCompletionStreamState(input_tools=omit, response_format=omit)
    for chunk in chunks(write(unfold(reply), COUNTED)):
        state.handle_chunk(ChatCompletionChunk.construct(**chunk))
    joined: dict[str, Any] = state.current_completion_snapshot.to_dict()
    whole = msgspec.json.decode(encode_reply(reply, COUNTED))
    told, said = joined["choices"][0], whole["choices"][0]
    assert told["finish_reason"] == said["finish_reason"]
    assert joined["usage"] == whole["usage"]
    for key in ("content", "refusal", "reasoning_content"):
        assert (told["message"].get(key) or "") == (said["message"].get(key) or "")
    for key in ("tool_calls", "thinking_blocks"):
        listed = [without(entry, "index", "parsed_arguments") for entry in told["message"].get(key) or ()]
        assert listed == said["message"].get(key, [])


def without(value: Any, *keys: str) -> Any:
    """`value` without what only the SDK put in."""
    if not isinstance(value, dict):
        return value
    return {key: without(inner, *keys) for key, inner in value.items() if key not in keys and inner is not None}
