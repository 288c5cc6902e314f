from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical import events as e
from sekisho.canonical.fold import fold
from sekisho.canonical.order import OrderChecker
from sekisho.canonical.request import Text, Thinking, ToolCall
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass
from sekisho.wire.gemini_generate.chunk_reader import ChunkReader, arguments_text, made_call_id
from sekisho.wire.gemini_generate.reply_schema import decode_chunk
from tests.unit.wire.gemini_generate.samples import chunk

CALL = {"functionCall": {"name": "f", "args": {"a": 1}}}


def events_of(*chunks: dict[str, Any]) -> list[e.Event]:
    reader, out = ChunkReader(), list[e.Event]()
    for one in chunks:
        reader.see(decode_chunk(msgspec.json.encode(one)), out)
    reader.close(out)
    checker = OrderChecker()
    for event in out:
        checker.see(event)
    assert reader.ended == (checker.state == "ended")
    return out


def parts_of(*chunks: dict[str, Any]) -> tuple[object, ...]:
    return fold(events_of(*chunks)).parts


def signed(signature: str) -> Thinking:
    return Thinking(text="", signature=signature, origin="gemini")


def test_texts_that_follow_each_other_are_one_block() -> None:
    events = events_of(chunk({"text": "Hel"}), chunk({"text": "lo"}, finish="STOP"))
    assert [type(event).__name__ for event in events] == [
        "Started",
        "BlockStarted",
        "TextDelta",
        "TextDelta",
        "BlockEnded",
        "Finished",
    ]
    assert fold(events).usage == Usage(input_tokens=10, output_tokens=5)


def test_signatures_stand_before_their_part_or_alone() -> None:
    call = {**CALL, "thoughtSignature": "c2ln"}
    made = ToolCall(id=made_call_id("r1", 0), name="f", arguments='{"a":1}')
    assert parts_of(chunk({"text": "why", "thought": True}), chunk(call, finish="STOP")) == (
        Thinking(text="why"),
        signed("c2ln"),
        made,
    )
    alone = {"text": "", "thoughtSignature": "b3Ro"}
    assert parts_of(chunk({"text": "Hi"}), chunk(alone, finish="STOP")) == (Text("Hi"), signed("b3Ro"))
    assert parts_of(chunk(alone), chunk(alone, CALL, finish="STOP")) == (signed("b3Ro"), signed("b3Ro"), made)
    part = {"text": "Hi", "thoughtSignature": "c2ln"}
    assert parts_of(chunk(part), chunk({"text": "!"}, finish="STOP")) == (signed("c2ln"), Text("Hi!"))
    assert parts_of(chunk(alone, {"text": "Hi"}, finish="STOP")) == (signed("b3Ro"), Text("Hi"))
    thought = {"text": "why", "thought": True, "thoughtSignature": "c2ln"}
    assert parts_of(chunk(thought, finish="STOP")) == (Thinking(text="why", signature="c2ln", origin="gemini"),)
    bare = {"thought": True, "thoughtSignature": "c2ln"}
    assert parts_of(chunk(bare, finish="STOP")) == (signed("c2ln"),)


def test_one_signature_a_call_and_an_id_where_there_is_none() -> None:
    first = {**CALL, "thoughtSignature": "c2ln"}
    second = {"functionCall": {"id": "own", "name": "g"}, "thoughtSignature": "b3Ro"}
    found = parts_of(chunk(first), chunk(second, {"functionCall": {"name": "f", "args": None}}, finish="STOP"))
    assert found == (
        signed("c2ln"),
        ToolCall(id=made_call_id("r1", 0), name="f", arguments='{"a":1}'),
        signed("b3Ro"),
        ToolCall(id="own", name="g", arguments="{}"),
        ToolCall(id=made_call_id("r1", 2), name="f", arguments="{}"),
    )


def test_a_turn_with_calls_asks_for_results() -> None:
    assert fold(events_of(chunk(CALL), chunk({"text": ""}, finish="STOP"))).stop is e.StopReason.TOOL_USE
    assert fold(events_of(chunk({"text": "Hi"}, finish=1))).stop is e.StopReason.END_TURN


def test_parts_of_googles_own_tools_and_other_candidates_are_passed_over() -> None:
    own = chunk(
        {"executableCode": {"code": "1"}}, {"functionCall": {}}, {"toolCall": {}}, {"text": "Hi"}, finish="STOP"
    )
    own["candidates"].insert(0, {**own["candidates"][0], "index": 1, "content": {"parts": [{"text": "Other"}]}})
    assert parts_of(own) == (Text("Hi"),)


def test_sources_meet_their_text() -> None:
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}],
        "groundingSupports": [{"segment": {"endIndex": 6}, "groundingChunkIndices": [0]}],
    }
    last = chunk({"text": "本"}, {"text": "", "thoughtSignature": "c2ln"}, finish="STOP")
    last["candidates"][0]["groundingMetadata"] = grounding
    reply = fold(events_of(chunk({"text": "日"}), last))
    assert reply.parts == (Text("日本"), signed("c2ln"))
    assert reply.citations == ((0, e.Citation(url="https://a", title="A", start=0, end=2)),)


def test_a_blocked_prompt_is_a_refusal_without_words() -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}, "responseId": "r"}
    reply = fold(events_of(blocked))
    assert (reply.parts, reply.stop, reply.usage) == ((), e.StopReason.REFUSAL, Usage(input_tokens=3))


def test_a_discarded_answer_is_a_failure() -> None:
    [*_, failed] = events_of(chunk({"text": "x"}, finish="MALFORMED_FUNCTION_CALL"))
    assert isinstance(failed, e.Failed)
    assert (failed.error.error_class, failed.error.code) == (ErrorClass.UPSTREAM_ERROR, "MALFORMED_FUNCTION_CALL")


def test_an_error_ends_the_stream() -> None:
    events = events_of(chunk({"text": "x"}), {"error": {"code": 503, "status": "UNAVAILABLE"}}, chunk(finish="STOP"))
    assert isinstance(events[-1], e.Failed)
    assert events[-1].error.error_class is ErrorClass.OVERLOADED


def test_usage_may_come_behind_the_end() -> None:
    last = chunk({"text": "x"}, finish="STOP")
    del last["usageMetadata"]
    late = {"usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 2}}
    reply = fold(events_of(last, late))
    assert reply.usage == Usage(input_tokens=4, output_tokens=2)
    assert fold(events_of(last)).usage is None


def test_chunks_that_say_nothing_are_passed_over() -> None:
    assert events_of({}, {"responseId": "r"}) == []


@pytest.mark.parametrize(("time", "seconds"), [("2025-10-10T15:57:26.830111Z", 1_760_111_846), ("yesterday", None)])
def test_when_it_was_made(time: str, seconds: int | None) -> None:
    reply = fold(events_of(chunk({"text": "x"}, finish="STOP", createTime=time)))
    assert (reply.id, reply.model, reply.created_seconds) == ("r1", "gemini-x", seconds)


def test_arguments_that_are_no_utf8_are_still_text() -> None:
    broken = msgspec.json.encode(chunk({"functionCall": {"name": "f", "args": {"a": "?"}}})).replace(b'"?"', b'"\xd4"')
    candidate = decode_chunk(broken).candidate()
    assert candidate is not None
    assert candidate.content is not None
    calls = [part.function_call for part in candidate.content.parts or () if part.function_call is not None]
    assert [arguments_text(call) for call in calls] == ['{"a":"\ufffd"}']
