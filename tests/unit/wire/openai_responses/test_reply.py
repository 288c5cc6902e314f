from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.events import Citation, StopReason
from sekisho.canonical.fold import fold
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Part, RedactedThinking, Request, Text, Thinking, Tool, ToolCall
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, UpstreamProtocolError, UpstreamRefused
from sekisho.wire.dialect import ReplyFacts
from sekisho.wire.openai_responses.reply import decode_reply, encode_reply, read_facts
from sekisho.wire.openai_responses.stream import StreamReader
from tests.shared import needs_shared
from tests.support.responses_kit import (
    check_grammar,
    check_open_responses,
    check_sdk_response,
    events_of,
    replies,
    stream_of,
)

ASKED = Request(model="m", messages=())
TEXT = {"type": "output_text", "text": "It is 4.", "annotations": [{"type": "url_citation", "url": "u", "title": "t"}]}
WHOLE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 7.5,
    "model": "gpt-5.5",
    "status": "completed",
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [TEXT]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
    ],
    "usage": {"input_tokens": 9, "output_tokens": 3},
}


def decode(**changes: Any) -> Reply:
    return decode_reply(msgspec.json.encode({**WHOLE, **changes}))


def test_a_whole_answer_is_read() -> None:
    assert decode() == Reply(
        id="resp_1",
        model="gpt-5.5",
        parts=(
            Thinking(text="", signature="gAAA", origin="openai", item_id="rs_1"),
            Text("It is 4."),
            ToolCall(id="c1", name="f", arguments="{}", item_id="fc_1"),
        ),
        stop=StopReason.TOOL_USE,
        usage=Usage(input_tokens=9, output_tokens=3),
        created_seconds=7,
        citations=((1, Citation(url="u", title="t")),),
    )


def test_a_failed_answer_raises_what_the_provider_said() -> None:
    with pytest.raises(UpstreamRefused) as caught:
        decode(status="failed", error={"code": "rate_limit_exceeded", "message": "slow down"})
    assert (caught.value.info.error_class, caught.value.info.message) == (ErrorClass.RATE_LIMITED, "slow down")
    with pytest.raises(UpstreamRefused):
        decode(status="cancelled")


def test_an_error_body_where_an_answer_was_due_raises_it() -> None:
    with pytest.raises(UpstreamRefused):
        decode_reply(b'{"error":{"message":"no","code":"server_error"}}')


@pytest.mark.parametrize("changes", [{"status": "queued"}, {"status": "in_progress"}, {"output": None}])
def test_an_unfinished_answer_is_no_answer(changes: dict[str, Any]) -> None:
    with pytest.raises(UpstreamProtocolError):
        decode(**changes)


@given(st.binary(max_size=60))
def test_any_bytes_are_no_answer(body: bytes) -> None:
    with pytest.raises((UpstreamProtocolError, UpstreamRefused)):
        decode_reply(body)
    assert read_facts(body) == ReplyFacts()


def test_facts_of_an_answer_that_passes() -> None:
    assert read_facts(msgspec.json.encode(WHOLE)) == ReplyFacts(
        usage=Usage(input_tokens=9, output_tokens=3), served_model="gpt-5.5", text_bytes=len("It is 4.{}")
    )


@given(replies)
def test_a_written_answer_is_what_its_stream_ends_with_and_the_sdk_reads(reply: Reply) -> None:
    body = encode_reply(reply, ASKED)
    assert msgspec.json.decode(body) == check_grammar(events_of(stream_of(reply, ASKED)))
    check_sdk_response(body)


@given(replies)
def test_body_and_stream_read_alike(reply: Reply) -> None:
    reader = StreamReader()
    streamed = fold([*reader.feed(stream_of(reply, ASKED)), *reader.close()])
    assert decode_reply(encode_reply(reply, ASKED)) == streamed


def said(part: Part) -> tuple[Any, ...]:
    """What a part says, whatever its ids are; a redacted thought comes back as a sealed one."""
    if isinstance(part, RedactedThinking):
        return (Thinking, "")
    if isinstance(part, ToolCall):
        return (ToolCall, part.id, part.name, part.arguments)
    return (type(part), getattr(part, "text", None))


@given(replies)
def test_an_answer_comes_back_with_all_that_it_said(reply: Reply) -> None:
    back = decode_reply(encode_reply(reply, ASKED))
    assert [said(part) for part in back.parts] == [said(part) for part in reply.parts]
    assert back.model == reply.model
    assert back.usage == (reply.usage and msgspec.structs.replace(reply.usage, service_tier="default"))


@needs_shared
@given(replies)
def test_a_written_answer_satisfies_open_responses(reply: Reply) -> None:
    check_open_responses("ResponseResource", msgspec.json.decode(encode_reply(reply, ASKED)))


def test_custom_tools_of_the_caller_are_restored() -> None:
    asked = Request(model="m", messages=(), tools=(Tool(name="exec", custom=True, namespace="functions"),))
    call = ToolCall(id="toolu_1", name="exec", arguments='{"input": "text(1)"}')
    reply = Reply(id="msg_1", model="m", parts=(call,), stop=StopReason.TOOL_USE)
    (item,) = msgspec.json.decode(encode_reply(reply, asked))["output"]
    assert item == {
        "type": "custom_tool_call",
        "id": "ctc_1_0",
        "status": "completed",
        "call_id": "toolu_1",
        "name": "exec",
        "namespace": "functions",
        "input": "text(1)",
    }


def test_ids_are_the_same_every_time() -> None:
    reply = Reply(id="msg_1", model="m", parts=(Text("a"),), stop=StopReason.END_TURN)
    assert encode_reply(reply, ASKED) == encode_reply(reply, ASKED)
