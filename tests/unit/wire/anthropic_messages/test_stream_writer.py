from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical import events as e
from sekisho.canonical.fold import fold, unfold
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import RedactedThinking, Text, Thinking, Tool, ToolCall
from sekisho.canonical.seal import unseal
from sekisho.canonical.tools import legal_name
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, ErrorInfo
from sekisho.wire.anthropic_messages import DIALECT
from sekisho.wire.anthropic_messages.stream_writer import MessagesWriter
from tests.unit.wire.anthropic_messages.samples import asked, written

START = e.Started(id="chatcmpl-1", model="gpt-x")
END = e.Finished(stop=e.StopReason.END_TURN)


def started(index: int, kind: Any, **fields: Any) -> e.BlockStarted:
    return e.BlockStarted(index=index, kind=kind, **fields)


def text(index: int, *words: str) -> list[e.Event]:
    return [started(index, "text"), *(e.TextDelta(index, word) for word in words), e.BlockEnded(index)]


def kinds(events: Iterable[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("content_") for event in events]


def test_the_grammar_of_a_small_answer() -> None:
    usage = Usage(input_tokens=3136, cache_read_tokens=6752, output_tokens=7, reasoning_tokens=2)
    events = written([START, e.Ping(), *text(0, "a", "", "b"), e.UsageReported(usage), END])
    assert kinds(events) == [
        "message_start",
        "ping",
        "block_start",
        "block_delta",
        "block_delta",
        "block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[0]["message"]["usage"] == {
        "input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 0,
        "service_tier": "standard",
    }
    assert events[-2] == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {
            "input_tokens": 3136,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 6752,
            "output_tokens": 7,
            "output_tokens_details": {"thinking_tokens": 2},
        },
    }
    assert events[-1] == {"type": "message_stop"}


def test_what_is_known_at_the_start_is_said_there() -> None:
    start = e.Started(id="msg_1", model="m", usage=Usage(input_tokens=5))
    events = written([start, END])
    assert events[0]["message"]["usage"]["input_tokens"] == 5
    assert events[-2]["usage"]["input_tokens"] == 5


def test_nothing_before_the_start_but_an_error() -> None:
    writer = MessagesWriter(asked())
    assert writer.write(e.Ping()) == b""
    failed = e.Failed(ErrorInfo(error_class=ErrorClass.OVERLOADED, message="full", status=503))
    assert writer.write(failed).startswith(b"event: error\ndata: {")


def test_parallel_blocks_are_written_one_after_the_other() -> None:
    def call(index: int) -> e.BlockStarted:
        return started(index, "tool_call", call_id=f"t{index}", name="look")

    events = written(
        [
            START,
            started(0, "text"),
            call(1),
            call(2),
            e.ArgumentsDelta(2, '{"b'),
            e.TextDelta(0, "see"),
            e.ArgumentsDelta(1, "{}"),
            e.BlockEnded(2),
            e.BlockEnded(0),
            e.BlockEnded(1),
            e.Finished(stop=e.StopReason.TOOL_USE),
        ]
    )
    assert kinds(events[1:-2]) == ["block_start", "block_delta", "block_stop"] * 3
    assert [event["index"] for event in events[1:-2]] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [event["delta"].get("partial_json") for event in events if event["type"] == "content_block_delta"] == [
        None,
        "{}",
        '{"b',
    ]


def test_a_block_without_contents_is_not_begun() -> None:
    events = written(
        [START, *text(0), started(1, "thinking", origin="openai", item_id="rs"), e.BlockEnded(1), *text(2, "a"), END]
    )
    assert [event["index"] for event in events if "index" in event] == [0, 0, 0]


def thought(text_of_it: str, signature: str, origin: str) -> list[e.Event]:
    return [
        START,
        started(0, "thinking", origin=origin, item_id="rs_1"),
        e.ThinkingDelta(0, text_of_it),
        e.SignatureDelta(0, signature, origin),
        e.BlockEnded(0),
        END,
    ]


def test_a_foreign_thought_with_words_is_sealed_at_its_end() -> None:
    _, start, words, seal, _, *_ = written(thought("Hm.", "gAAA", "openai"))
    assert start["content_block"] == {"type": "thinking", "thinking": "", "signature": ""}
    assert words["delta"] == {"type": "thinking_delta", "thinking": "Hm."}
    carried = unseal(seal["delta"]["signature"])
    assert carried is not None
    assert (carried.signature, carried.item_id) == ("gAAA", "rs_1")


def test_a_foreign_thought_without_words_is_redacted() -> None:
    events = written(thought("", "gAAA", "openai"))
    assert kinds(events) == ["message_start", "block_start", "block_stop", "message_delta", "message_stop"]
    assert events[1]["content_block"]["type"] == "redacted_thinking"


def test_claudes_thought_without_words_keeps_its_form() -> None:
    events = written(thought("", "sig", "anthropic"))
    assert events[1]["content_block"]["type"] == "thinking"
    assert events[2]["delta"] == {"type": "signature_delta", "signature": "sig"}


def test_calls_end_with_tool_use_and_the_callers_names() -> None:
    name = "a name with spaces"
    call = started(0, "tool_call", call_id="t", name=legal_name(name))
    events = written([START, call, e.BlockEnded(0), END], asked(tools=(Tool(name=name),)))
    assert events[1]["content_block"] == {"type": "tool_use", "id": "t", "name": name, "input": {}}
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_free_text_of_a_custom_tool_becomes_json() -> None:
    call = started(0, "tool_call", call_id="t", name="patch", custom=True)
    events = written([START, call, e.ArgumentsDelta(0, "a\n"), e.ArgumentsDelta(0, '"b"'), e.BlockEnded(0), END])
    assert [event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta"] == [
        '{"input":"a\\n\\"b\\""}'
    ]


def test_refusals_and_citations() -> None:
    refusal: list[e.Event] = [started(0, "refusal"), e.TextDelta(0, "No."), e.BlockEnded(0)]
    cited: list[e.Event] = [started(1, "text"), e.CitationAdded(1, e.Citation(url="https://x")), e.BlockEnded(1)]
    events = written([START, *refusal, *cited, e.Finished(stop=e.StopReason.REFUSAL)])
    assert events[1]["content_block"] == events[4]["content_block"] == {"type": "text", "text": ""}
    assert events[5]["delta"]["citation"]["url"] == "https://x"
    assert events[-2]["delta"]["stop_reason"] == "refusal"


def test_a_failure_is_an_error_event() -> None:
    info = ErrorInfo(error_class=ErrorClass.UPSTREAM_TIMEOUT, message="late", status=504)
    events = written([START, *text(0, "a")[:-1], e.Failed(info)])
    assert events[-1] == {"type": "error", "error": {"type": "timeout_error", "message": "late"}}


PARTS = st.one_of(
    st.builds(Text, st.text(min_size=1)),
    st.builds(RedactedThinking, st.text(min_size=1)),
    st.builds(Thinking, text=st.text(), signature=st.text(min_size=1), origin=st.just("anthropic")),
    st.builds(ToolCall, id=st.text(), name=st.text(), arguments=st.sampled_from(["{}", '{"a":"é"}'])),
)
REPLIES = st.builds(
    Reply,
    id=st.just("msg_1"),
    model=st.text(min_size=1),
    parts=st.lists(PARTS, max_size=4).map(tuple),
    stop=st.sampled_from([e.StopReason.MAX_TOKENS, e.StopReason.REFUSAL]),
    usage=st.builds(
        Usage,
        input_tokens=st.integers(0, 99),
        output_tokens=st.integers(0, 99),
        service_tier=st.just("standard"),
    ),
)


@given(REPLIES)
def test_what_is_written_is_read_as_the_same(reply: Reply) -> None:
    writer, reader = DIALECT.stream_writer(asked()), DIALECT.stream_reader()
    stream = b"".join(writer.write(event) for event in unfold(reply))
    assert fold(reader.feed(stream) + reader.close()) == reply


@st.composite
def interleaved(draw: st.DrawFn) -> list[e.Event]:
    """A legal stream whose blocks overlap in any way."""
    open_blocks: dict[int, str] = {}
    events: list[e.Event] = [START]
    count = 0
    for step in draw(st.lists(st.sampled_from(["start", "delta", "end"]), max_size=30)):
        if step == "start":
            kind = draw(st.sampled_from(["text", "tool_call"]))
            events.append(started(count, kind, call_id=f"t{count}", name="look"))
            open_blocks[count] = kind
            count += 1
        elif open_blocks:
            index = draw(st.sampled_from(sorted(open_blocks)))
            word = draw(st.sampled_from(["a", "b"]))
            if step == "end":
                events.append(e.BlockEnded(index))
                del open_blocks[index]
            elif open_blocks[index] == "text":
                events.append(e.TextDelta(index, word))
            else:
                events.append(e.ArgumentsDelta(index, word))
    return [*events, *(e.BlockEnded(index) for index in sorted(open_blocks)), e.Finished(stop=e.StopReason.MAX_TOKENS)]


@given(interleaved())
def test_overlapping_blocks_are_never_mixed_nor_lost(events: list[e.Event]) -> None:
    current, seen = None, 0
    for event in written(events):
        if event["type"] == "content_block_start":
            assert (current, event["index"]) == (None, seen)
            current, seen = event["index"], seen + 1
        elif event["type"] == "content_block_delta":
            assert event["index"] == current
        elif event["type"] == "content_block_stop":
            assert event["index"] == current
            current = None
    writer, reader = DIALECT.stream_writer(asked()), DIALECT.stream_reader()
    again = fold(reader.feed(b"".join(writer.write(event) for event in events)) + reader.close())
    kept = tuple(part for part in fold(events).parts if part != Text(""))
    filled = tuple(
        ToolCall(id=part.id, name=part.name, arguments=part.arguments or "{}") if isinstance(part, ToolCall) else part
        for part in kept
    )
    assert again.parts == filled


@pytest.mark.parametrize("event", [e.UsageReported(Usage()), e.Ping()])
def test_quiet_events_before_the_start(event: e.Event) -> None:
    assert MessagesWriter(asked()).write(event) == b""
