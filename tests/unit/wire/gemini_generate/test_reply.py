from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.events import Citation, StopReason
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import RedactedThinking, Text, Thinking, ToolCall
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, UpstreamProtocolError
from sekisho.wire.dialect import ReplyFacts
from sekisho.wire.gemini_generate import DIALECT
from sekisho.wire.gemini_generate.reply import decode_reply, encode_reply, read_facts
from tests.unit.wire.gemini_generate.samples import asked, chunk, parts_of, status_of

WHOLE = msgspec.json.encode(
    chunk({"text": "why", "thought": True}, {"text": "né"}, {"functionCall": {"name": "f", "args": {}}}, finish="STOP")
)


def test_a_whole_reply() -> None:
    reply = decode_reply(WHOLE)
    assert [type(part).__name__ for part in reply.parts] == ["Thinking", "Text", "ToolCall"]
    assert (reply.id, reply.model, reply.stop) == ("r1", "gemini-x", StopReason.TOOL_USE)
    facts = ReplyFacts(usage=Usage(input_tokens=10, output_tokens=5), served_model="gemini-x", text_bytes=3 + 3 + 2)
    assert read_facts(WHOLE) == facts


def test_a_foreign_turn_survives_a_caller_who_throws_thoughts_away() -> None:
    thoughts = (Thinking(text="Look.", signature="sig", origin="anthropic"), RedactedThinking("x"))
    call = ToolCall(id="toolu_1", name="f", arguments='{"a":1}')
    for thought in thoughts:
        reply = Reply(id="r", model="m", parts=(Text("Hm"), thought, call), stop=StopReason.TOOL_USE)
        content = msgspec.json.decode(encode_reply(reply, asked()))["candidates"][0]["content"]
        assert parts_of("model", *content["parts"]) == reply.parts
        kept = [part for part in content["parts"] if not part.get("thought")]
        assert parts_of("model", *kept) == reply.parts


def test_sources_and_an_empty_answer() -> None:
    cited = Citation(url="https://a", title="A", start=0, end=2)
    reply = Reply(id="r", model="m", parts=(Text("Hi"),), stop=StopReason.END_TURN, citations=((0, cited),))
    assert decode_reply(encode_reply(reply, asked())) == reply
    empty = Reply(id="r", model="m", parts=(), stop=StopReason.REFUSAL)
    assert decode_reply(encode_reply(empty, asked())) == empty


@pytest.mark.parametrize(
    ("body", "error_class"),
    [
        (b"", ErrorClass.UPSTREAM_ERROR),
        (b"[]", ErrorClass.UPSTREAM_ERROR),
        (b"{}", ErrorClass.UPSTREAM_ERROR),
        (b'{"choices": []}', ErrorClass.UPSTREAM_ERROR),
        (msgspec.json.encode(chunk({"text": "x"})), ErrorClass.UPSTREAM_ERROR),
        (msgspec.json.encode(chunk(finish="MALFORMED_RESPONSE")), ErrorClass.UPSTREAM_ERROR),
        (b'{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}', ErrorClass.RATE_LIMITED),
    ],
)
def test_what_is_no_answer_is_an_error(body: bytes, error_class: ErrorClass) -> None:
    with pytest.raises(UpstreamProtocolError) as caught:
        decode_reply(body)
    assert caught.value.info.error_class is error_class


def test_facts_of_what_cannot_be_read_are_none() -> None:
    assert read_facts(b"<html>") == ReplyFacts()
    with pytest.raises(UpstreamProtocolError, match="busy"):
        read_facts(b'{"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}')


@given(st.binary(max_size=60))
def test_any_bytes_are_a_reply_or_an_error(body: bytes) -> None:
    assert status_of(lambda: DIALECT.decode_reply(body)) in (200, 502)
