from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical import events as e
from sekisho.canonical.fold import unfold
from sekisho.canonical.order import OrderChecker
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Request, Text, Tool
from sekisho.canonical.seal import Sealed, unseal
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, ErrorInfo
from sekisho.wire.openai_responses.writer import StreamWriter
from sekisho.wire.sse import COMMENT_PING
from tests.shared import needs_shared
from tests.support.responses_kit import (
    check_deltas,
    check_grammar,
    check_open_responses,
    check_sdk,
    events_of,
    replies,
    stream_of,
)

ASKED = Request(model="m", messages=())
START = e.Started(id="msg_1", model="served", created_seconds=5)
END = e.Finished(stop=e.StopReason.END_TURN)
BROKEN = e.Failed(ErrorInfo(error_class=ErrorClass.RATE_LIMITED, message="slow down", status=429))


def write(*events: e.Event, request: Request = ASKED) -> list[dict[str, Any]]:
    """The stream of a legal series of events."""
    order, writer = OrderChecker(), StreamWriter(request)
    for event in events:
        order.see(event)
    return events_of(b"".join(writer.write(event) for event in events))


def names(events: Iterable[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def text(index: int, *deltas: str) -> list[e.Event]:
    told = [e.TextDelta(index, delta) for delta in deltas]
    return [e.BlockStarted(index=index, kind="text"), *told, e.BlockEnded(index)]


def call(index: int, name: str, *deltas: str) -> list[e.Event]:
    start = e.BlockStarted(index=index, kind="tool_call", call_id=f"c{index}", name=name)
    return [start, *(e.ArgumentsDelta(index, delta) for delta in deltas), e.BlockEnded(index)]


def test_a_text_is_told_step_by_step() -> None:
    events = write(START, *text(0, "It is", " 4."), e.UsageReported(Usage(input_tokens=3, output_tokens=2)), END)
    assert names(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert events[2]["item"] == {
        "type": "message",
        "id": "msg_1_0",
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }
    assert events[4] == {
        "type": "response.output_text.delta",
        "item_id": "msg_1_0",
        "output_index": 0,
        "content_index": 0,
        "delta": "It is",
        "logprobs": [],
        "sequence_number": 4,
    }
    final = check_grammar(events)
    assert final["output"][0]["content"] == [
        {"type": "output_text", "text": "It is 4.", "annotations": [], "logprobs": []}
    ]
    assert final["output"][0]["status"] == "completed"
    assert (final["status"], final["usage"]["total_tokens"], final["completed_at"]) == ("completed", 5, 5)


def test_neighbouring_texts_are_parts_of_one_message() -> None:
    final = check_grammar(write(START, *text(0, "a"), *text(1, "b"), *call(2, "f", "{}"), *text(3, "c"), END))
    assert [item["type"] for item in final["output"]] == ["message", "function_call", "message"]
    assert [part["text"] for part in final["output"][0]["content"]] == ["a", "b"]


@pytest.mark.parametrize("deltas", [(), ("",), (" ",)], ids=["none", "empty", "blank"])
def test_a_call_without_arguments_has_an_empty_object(deltas: tuple[str, ...]) -> None:
    """Some servers send none where a tool takes none, and clients parse what they get."""
    events = write(START, *call(0, "f", *deltas), END)
    final = check_grammar(events)
    assert final["output"][0]["arguments"].strip() == "{}"
    told = [event["delta"] for event in events if event["type"].endswith("arguments.delta")]
    assert "".join(told) == final["output"][0]["arguments"]


def test_calls_that_run_beside_each_other_are_told_one_after_the_other() -> None:
    a, b, c = call(0, "f", '{"a"', ":1}"), call(1, "g", "{}"), call(2, "h", "{}")
    mixed = [a[0], b[0], a[1], c[0], b[1], c[1], b[2], a[2], a[3], c[2]]
    final = check_grammar(write(START, *mixed, END))
    assert [(item["call_id"], item["arguments"]) for item in final["output"]] == [
        ("c0", '{"a":1}'),
        ("c1", "{}"),
        ("c2", "{}"),
    ]


def test_a_held_back_block_goes_on_live_once_it_is_its_turn() -> None:
    writer = StreamWriter(ASKED)
    a, b = call(0, "f", "{}"), call(1, "g", '{"x"', ":1}")
    for event in (START, *a[:2], *b[:2]):
        writer.write(event)
    assert b'\\"x\\"' in writer.write(a[2])
    assert b":1}" in writer.write(b[2])


def test_a_custom_tool_is_told_when_its_text_is_whole() -> None:
    request = Request(model="m", messages=(), tools=(Tool(name="exec", custom=True, namespace="functions"),))
    events = write(START, *call(0, "exec", '{"inp', 'ut":"a\\nb"}'), END, request=request)
    assert names(events)[2:-1] == [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
    ]
    assert events[3]["delta"] == events[4]["input"] == "a\nb"
    assert events[2]["item"]["namespace"] == "functions"


def test_a_foreign_thought_is_a_sealed_reasoning_item() -> None:
    events = write(
        START,
        e.BlockStarted(index=0, kind="thinking"),
        e.ThinkingDelta(0, "hm"),
        e.SignatureDelta(0, "sig", "anthropic"),
        e.BlockEnded(0),
        e.BlockStarted(index=1, kind="redacted_thinking", data="hidden"),
        e.BlockEnded(1),
        END,
    )
    assert names(events)[2:-1] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "output_item.done",
    ]
    assert all(event["summary_index"] == 0 for event in events[3:7])
    shown, hidden = check_grammar(events)["output"]
    assert shown["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert unseal(shown["encrypted_content"]) == Sealed(origin="anthropic", signature="sig")
    assert unseal(hidden["encrypted_content"]) == Sealed(origin="anthropic", signature="hidden", redacted=True)


def test_sources_come_before_the_end_of_their_text() -> None:
    source = e.CitationAdded(0, e.Citation(url="https://x.test", title="X"))
    opened, *rest = text(0, "It is so.")
    events = write(START, opened, source, *rest, END)
    assert names(events)[4:7] == ["output_text.delta", "output_text.annotation.added", "output_text.done"]
    assert events[5]["annotation_index"] == 0
    assert check_grammar(events)["output"][0]["content"][0]["annotations"] == [events[5]["annotation"]]


@pytest.mark.parametrize(
    ("stop", "terminal", "reason"),
    [
        (e.StopReason.END_TURN, "completed", None),
        (e.StopReason.TOOL_USE, "completed", None),
        (e.StopReason.MAX_TOKENS, "incomplete", "max_output_tokens"),
        (e.StopReason.REFUSAL, "incomplete", "content_filter"),
    ],
)
def test_how_it_ends(stop: e.StopReason, terminal: str, reason: str | None) -> None:
    events = write(START, *text(0, "a"), e.Finished(stop=stop))
    final = check_grammar(events)
    assert (names(events)[-1], final["status"]) == (terminal, terminal)
    assert final["incomplete_details"] == ({"reason": reason} if reason else None)
    assert final["output"][0]["status"] == terminal


def test_a_refusal_in_words() -> None:
    opened = e.BlockStarted(index=0, kind="refusal")
    events = write(START, opened, e.TextDelta(0, "no"), e.BlockEnded(0), e.Finished(stop=e.StopReason.REFUSAL))
    assert names(events)[3:7] == ["content_part.added", "refusal.delta", "refusal.done", "content_part.done"]
    assert check_grammar(events)["status"] == "completed"


def test_a_failure_inside_the_stream_raises_in_sdks_and_ends_the_response() -> None:
    events = write(START, *text(0, "a")[:2], e.UsageReported(Usage(output_tokens=1)), BROKEN)
    assert names(events)[-2:] == ["error", "failed"]
    assert events[-2]["error"]["code"] == "rate_limit_exceeded"
    failed = events[-1]["response"]
    assert failed["error"] == {"code": "rate_limit_exceeded", "message": "slow down"}
    assert (failed["status"], failed["usage"]["output_tokens"]) == ("failed", 1)


def test_a_failure_before_the_stream_has_begun_is_an_error_alone() -> None:
    assert names(write(BROKEN)) == ["error"]


def test_a_ping_is_a_comment() -> None:
    assert StreamWriter(ASKED).write(e.Ping()) == COMMENT_PING


def test_empty_deltas_are_not_told() -> None:
    assert "output_text.delta" not in names(write(START, *text(0, ""), END))


@given(replies)
def test_every_stream_keeps_the_grammar_and_is_read_by_the_sdk(reply: Reply) -> None:
    events = events_of(stream_of(reply, ASKED))
    final = check_grammar(events)
    check_deltas(events)
    read = check_sdk(events)
    assert [item.type for item in read.output] == [item["type"] for item in final["output"]]
    words = "".join(part.text for part in reply.parts if isinstance(part, Text))
    assert read.output_text == words


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[Reply, list[e.Event]]:
    """A reply's events with its blocks running beside each other, still in a legal order."""
    reply = draw(replies)
    whole = list(unfold(reply))
    blocks: dict[int, list[e.Event]] = {}
    for event in whole:
        if hasattr(event, "index"):
            blocks.setdefault(event.index, []).append(event)
    mixed: list[e.Event] = []
    started = 0
    while any(blocks.values()):
        ready = [index for index, left in blocks.items() if left and index <= started]
        index = draw(st.sampled_from(ready))
        started = max(started, index + 1)
        mixed.append(blocks[index].pop(0))
    return reply, [whole[0], *mixed, *(event for event in whole[1:] if not hasattr(event, "index"))]


@given(shuffled())
def test_blocks_beside_each_other_give_the_same_answer(case: tuple[Reply, list[e.Event]]) -> None:
    reply, mixed = case
    assert check_grammar(write(*mixed)) == check_grammar(events_of(stream_of(reply, ASKED)))


@needs_shared
@given(replies)
def test_every_event_is_one_of_open_responses(reply: Reply) -> None:
    spec: dict[str, str] = {
        "response.created": "ResponseCreatedStreamingEvent",
        "response.in_progress": "ResponseInProgressStreamingEvent",
        "response.completed": "ResponseCompletedStreamingEvent",
        "response.incomplete": "ResponseIncompleteStreamingEvent",
        "response.output_item.added": "ResponseOutputItemAddedStreamingEvent",
        "response.output_item.done": "ResponseOutputItemDoneStreamingEvent",
        "response.content_part.added": "ResponseContentPartAddedStreamingEvent",
        "response.content_part.done": "ResponseContentPartDoneStreamingEvent",
        "response.output_text.delta": "ResponseOutputTextDeltaStreamingEvent",
        "response.output_text.done": "ResponseOutputTextDoneStreamingEvent",
        "response.refusal.delta": "ResponseRefusalDeltaStreamingEvent",
        "response.refusal.done": "ResponseRefusalDoneStreamingEvent",
        "response.reasoning_summary_part.added": "ResponseReasoningSummaryPartAddedStreamingEvent",
        "response.reasoning_summary_part.done": "ResponseReasoningSummaryPartDoneStreamingEvent",
        "response.reasoning_summary_text.delta": "ResponseReasoningSummaryDeltaStreamingEvent",
        "response.reasoning_summary_text.done": "ResponseReasoningSummaryDoneStreamingEvent",
        "response.function_call_arguments.delta": "ResponseFunctionCallArgumentsDeltaStreamingEvent",
        "response.function_call_arguments.done": "ResponseFunctionCallArgumentsDoneStreamingEvent",
    }
    for event in events_of(stream_of(reply, ASKED)):
        check_open_responses(spec[event["type"]], event)
