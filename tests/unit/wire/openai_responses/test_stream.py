from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical import events as e
from sekisho.canonical.fold import fold
from sekisho.canonical.order import OrderChecker
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Refusal, Request, Text, Thinking, ToolCall
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, UpstreamProtocolError
from sekisho.wire.openai_responses.stream import StreamReader
from sekisho.wire.sse import sse_event
from tests.support.responses_kit import cut, replies, stream_of

RESPONSE: dict[str, Any] = {"id": "resp_1", "model": "gpt-5.5", "created_at": 5, "status": "in_progress"}
USAGE = {"input_tokens": 3, "output_tokens": 2}
CREATED = {"type": "response.created", "response": RESPONSE}
DONE = {"type": "response.completed", "response": {**RESPONSE, "status": "completed", "output": [], "usage": USAGE}}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": ""}


def sse(*events: dict[str, Any], named: bool = True) -> bytes:
    return b"".join(sse_event(msgspec.json.encode(event), event["type"] if named else "") for event in events)


def read(*events: dict[str, Any], named: bool = True) -> list[e.Event]:
    """The events of a stream, in an order that was checked."""
    reader, order = StreamReader(), OrderChecker()
    out = [*reader.feed(sse(*events, named=named)), *reader.close()]
    for event in out:
        order.see(event)
    return out


def answer(*events: dict[str, Any], named: bool = True) -> Reply:
    return fold(read(CREATED, *events, DONE, named=named))


def delta(kind: str, text: str, output_index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "delta": text, "output_index": output_index, **fields}


def item(step: str, value: dict[str, Any], output_index: int = 0) -> dict[str, Any]:
    return {"type": f"response.output_item.{step}", "output_index": output_index, "item": value}


def message(*texts: str) -> dict[str, Any]:
    return {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": text} for text in texts]}


def test_begin_and_end() -> None:
    assert read(CREATED, DONE) == [
        e.Started(id="resp_1", model="gpt-5.5", created_seconds=5),
        e.UsageReported(Usage(input_tokens=3, output_tokens=2)),
        e.Finished(stop=e.StopReason.END_TURN),
    ]


def test_text_comes_as_it_is_told() -> None:
    events = read(CREATED, delta("output_text", "a"), delta("output_text", "b"), item("done", message("ab")), DONE)
    assert events[1:5] == [
        e.BlockStarted(index=0, kind="text"),
        e.TextDelta(0, "a"),
        e.TextDelta(0, "b"),
        e.BlockEnded(0),
    ]


@pytest.mark.parametrize("named", [True, False])
def test_the_event_line_may_be_missing(*, named: bool) -> None:
    assert answer(delta("output_text", "a"), item("done", message("a")), named=named).parts == (Text("a"),)


def test_thin_streams_say_the_same_once() -> None:
    whole = {**DONE, "response": {**DONE["response"], "output": [message("ab")]}}  # type: ignore[dict-item]
    assert answer(item("done", message("ab"))).parts == (Text("ab"),)
    assert fold(read(CREATED, whole)).parts == (Text("ab"),)
    assert fold(read(CREATED, item("done", message("ab")), whole)).parts == (Text("ab"),)
    assert fold(read(whole)).parts == (Text("ab"),)


def test_what_deltas_left_unsaid_is_said_at_the_end() -> None:
    assert answer(delta("output_text", "a"), item("done", message("abc"))).parts == (Text("abc"),)


def test_parts_are_told_apart_by_their_order() -> None:
    """Some servers count content parts across items, so that a message's first part is number 1."""
    events = [delta("output_text", "a", 1, content_index=1), item("done", message("a"), 1)]
    assert answer(*events).parts == (Text("a"),)
    added = {"type": "response.content_part.added", "output_index": 0, "content_index": 0}
    empty = [{**added, "part": {"type": "output_text"}}, delta("output_text", "b", content_index=1)]
    assert answer(*empty, item("done", message("", "b"))).parts == (Text(""), Text("b"))


def test_a_refusal() -> None:
    done = {"type": "message", "content": [{"type": "refusal", "refusal": "no."}]}
    assert answer(delta("refusal", "no"), delta("refusal", "."), item("done", done)).parts == (Refusal("no."),)
    assert answer(item("done", done)).parts == (Refusal("no."),)
    assert answer(item("done", done)).stop is e.StopReason.REFUSAL


def test_a_call_is_known_at_once_and_its_arguments_come() -> None:
    events = read(
        CREATED,
        item("added", CALL),
        delta("function_call_arguments", '{"a"'),
        delta("function_call_arguments", ":1}"),
        item("done", {**CALL, "arguments": '{"a":1}'}),
        DONE,
    )
    assert events[1] == e.BlockStarted(index=0, kind="tool_call", call_id="c1", name="f", item_id="fc_1")
    assert fold(events).parts == (ToolCall(id="c1", name="f", arguments='{"a":1}', item_id="fc_1"),)
    assert events[-1] == e.Finished(stop=e.StopReason.TOOL_USE)


def test_arguments_before_their_call_wait_for_its_item() -> None:
    late = [delta("function_call_arguments", "{}"), item("done", {**CALL, "arguments": "{}"})]
    assert [getattr(part, "arguments", None) for part in answer(*late).parts] == ["{}"]


def test_a_custom_call() -> None:
    call = {"type": "custom_tool_call", "call_id": "c1", "name": "exec", "namespace": "functions", "input": ""}
    events = [item("added", call), delta("custom_tool_call_input", "a"), item("done", {**call, "input": "ab"})]
    assert answer(*events).parts == (
        ToolCall(id="c1", name="exec", arguments="ab", custom=True, namespace="functions"),
    )


def test_calls_beside_each_other() -> None:
    other = {**CALL, "call_id": "c2", "id": "fc_2"}
    reply = answer(
        item("added", CALL, 0),
        item("added", other, 1),
        delta("function_call_arguments", "[", 1),
        delta("function_call_arguments", "{}", 0),
        delta("function_call_arguments", "]", 1),
        item("done", {**other, "arguments": "[]"}, 1),
        item("done", {**CALL, "arguments": "{}"}, 0),
    )
    assert [getattr(part, "arguments", None) for part in reply.parts] == ["{}", "[]"]


def summary(*texts: str) -> list[dict[str, str]]:
    return [{"type": "summary_text", "text": text} for text in texts]


def test_a_thought_in_several_parts_with_its_seal() -> None:
    reply = answer(
        item("added", {"type": "reasoning", "id": "rs_1", "encrypted_content": "early", "summary": []}),
        delta("reasoning_summary_text", "a", summary_index=0, item_id="rs_1"),
        delta("reasoning_summary_text", "b", summary_index=1, item_id="rs_1"),
        item("done", {"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAA", "summary": summary("a", "b")}),
    )
    assert reply.parts == (Thinking(text="a\n\nb", signature="gAAA", origin="openai", item_id="rs_1"),)


def test_a_thought_that_is_shown_itself() -> None:
    done = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "ab"}]}
    events = [delta("reasoning_text", "a", content_index=0, item_id="rs_1"), item("done", done)]
    assert answer(*events).parts == (Thinking(text="ab", item_id="rs_1"),)


def test_of_a_thought_and_its_summary_the_first_is_told() -> None:
    events = [delta("reasoning_text", "whole", content_index=0), delta("reasoning_summary_text", "s", summary_index=0)]
    assert answer(*events).parts == (Thinking(text="whole"),)


def test_a_thought_that_says_nothing_is_none() -> None:
    assert answer(item("done", {"type": "reasoning", "id": "rs_1", "summary": []})).parts == ()


def test_sources_are_told_once() -> None:
    note = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    added = {"type": "response.output_text.annotation.added", "output_index": 0, "annotation": note}
    done = {"type": "message", "content": [{"type": "output_text", "text": "a", "annotations": [note]}]}
    citation = (0, e.Citation(url="u", title="t", start=0, end=1))
    assert answer(delta("output_text", "a"), added, item("done", done)).citations == (citation,)
    assert answer(item("done", done)).citations == (citation,)


def test_hosted_tools_and_unknown_events_are_passed_over() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    odd = {"type": "response.mcp_call_arguments.delta", "delta": {"not": "text"}}
    assert answer(item("added", search), odd, item("done", search), {"type": "response.made_up"}).parts == ()


def test_signs_of_life() -> None:
    assert e.Ping() in read(CREATED, {"type": "keepalive"}, DONE)


@pytest.mark.parametrize(
    ("reason", "stop"),
    [("max_output_tokens", e.StopReason.MAX_TOKENS), ("content_filter", e.StopReason.REFUSAL)],
)
def test_an_incomplete_answer_still_has_usage(reason: str, stop: e.StopReason) -> None:
    response = {**RESPONSE, "status": "incomplete", "incomplete_details": {"reason": reason}, "usage": USAGE}
    events = read(CREATED, delta("output_text", "a"), {"type": "response.incomplete", "response": response})
    assert events[-3:] == [
        e.BlockEnded(0),
        e.UsageReported(Usage(input_tokens=3, output_tokens=2)),
        e.Finished(stop=stop),
    ]


def test_a_failed_response_still_has_usage() -> None:
    error = {"code": "server_error", "message": "broken"}
    response = {**RESPONSE, "status": "failed", "error": error, "usage": USAGE}
    *_, usage, failed = read(CREATED, {"type": "response.failed", "response": response})
    assert usage == e.UsageReported(Usage(input_tokens=3, output_tokens=2))
    assert isinstance(failed, e.Failed)
    assert (failed.error.error_class, failed.error.message) == (ErrorClass.UPSTREAM_ERROR, "broken")


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "rate_limit_exceeded", "message": "slow", "param": None},
        {"type": "error", "error": {"code": "rate_limit_exceeded", "message": "slow"}},
    ],
)
def test_an_error_event_fails_the_stream_and_nothing_follows(event: dict[str, Any]) -> None:
    (failed,) = read(event, CREATED, DONE)
    assert isinstance(failed, e.Failed)
    assert (failed.error.error_class, failed.error.message) == (ErrorClass.RATE_LIMITED, "slow")


@pytest.mark.parametrize("events", [[], [CREATED], [CREATED, delta("output_text", "a")]])
def test_a_stream_that_ends_before_its_end_fails(events: list[dict[str, Any]]) -> None:
    last = read(*events)[-1]
    assert isinstance(last, e.Failed)
    assert last.error.status == 502


def test_a_done_mark_of_another_api_is_passed_over() -> None:
    reader = StreamReader()
    assert reader.feed(b"data: [DONE]\n\n") == []


@pytest.mark.parametrize(
    "data", [b"{", b"[]", b'{"type":"response.created"}', b'{"type":"response.created","response":1}']
)
def test_what_is_not_this_api_is_said_so(data: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        StreamReader().feed(b"data: " + data + b"\n\n")


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_any_bytes_are_events_or_no_protocol(chunks: list[bytes]) -> None:
    reader, order = StreamReader(), OrderChecker()
    try:
        for event in [event for chunk in chunks for event in reader.feed(chunk)]:
            order.see(event)
        assert isinstance(reader.close()[-1], e.Failed)
    except UpstreamProtocolError as error:
        assert error.info.message  # noqa: PT017 - either way of ending is right


@given(replies, st.lists(st.integers(0, 20_000), max_size=8))
def test_the_same_events_wherever_the_stream_is_cut(reply: Reply, offsets: list[int]) -> None:
    stream = stream_of(reply, Request(model="m", messages=()))
    whole, pieces = StreamReader(), StreamReader()
    once = [*whole.feed(stream), *whole.close()]
    assert [event for piece in cut(stream, offsets) for event in pieces.feed(piece)] + pieces.close() == once


wire_events = st.one_of(
    st.just(CREATED),
    st.builds(
        delta,
        st.sampled_from(["output_text", "refusal", "reasoning_summary_text", "function_call_arguments"]),
        st.text("ab", max_size=3),
        st.integers(0, 2),
        content_index=st.integers(0, 1),
    ),
    st.builds(item, st.sampled_from(["added", "done"]), st.just(CALL) | st.just(message("ab", "b")), st.integers(0, 2)),
)


@given(st.lists(wire_events, max_size=12))
def test_any_order_of_a_providers_events_reads_in_the_legal_order(events: list[dict[str, Any]]) -> None:
    assert isinstance(read(*events, DONE)[-1], e.Finished)
