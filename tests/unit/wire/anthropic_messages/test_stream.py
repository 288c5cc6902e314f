from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical import events as e
from sekisho.canonical.fold import fold
from sekisho.canonical.order import OrderChecker
from sekisho.canonical.request import RedactedThinking, Text, Thinking, ToolCall
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, UpstreamProtocolError
from sekisho.wire.anthropic_messages.stream import MessagesReader
from tests.unit.wire.anthropic_messages.samples import block, head, read, stream_of, tail, text_block

PING = {"type": "ping"}
WHOLE = [
    head(cache_read_input_tokens=2, cache_creation_input_tokens=4),
    PING,
    *block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Hm, é"},
        {"type": "signature_delta", "signature": "sig"},
    ),
    *block(1, {"type": "redacted_thinking", "data": "red"}),
    *block(2, {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, {"type": "input_json_delta"}),
    *block(3, {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}),
    *block(
        4,
        {"type": "text", "text": ""},
        {"type": "text_delta", "text": "見て "},
        {"type": "citations_delta", "citation": {"type": "web_search_result_location", "url": "https://x"}},
        {"type": "text_delta", "text": "🙂"},
        {"type": "unheard_delta", "x": 1},
    ),
    *block(
        5,
        {"type": "tool_use", "id": "t1", "name": "look", "input": {}},
        {"type": "input_json_delta", "partial_json": ""},
        {"type": "input_json_delta", "partial_json": '{"at":'},
        {"type": "input_json_delta", "partial_json": " 1}"},
    ),
    {"type": "unheard_event", "index": 9},
    *tail("tool_use", input_tokens=6, output_tokens=20),
]


def test_a_whole_stream() -> None:
    events = read(stream_of(*WHOLE))
    reply = fold(events)
    assert reply.parts == (
        Thinking(text="Hm, é", signature="sig", origin="anthropic"),
        RedactedThinking("red"),
        Text("見て 🙂"),
        ToolCall(id="t1", name="look", arguments='{"at": 1}'),
    )
    assert (reply.id, reply.model, reply.stop) == ("msg_1", "claude-x", e.StopReason.TOOL_USE)
    assert reply.usage == Usage(input_tokens=6, cache_read_tokens=2, cache_write_tokens=4, output_tokens=20)
    assert reply.citations == ((2, e.Citation(url="https://x")),)
    assert events.count(e.Ping()) == 1
    checker = OrderChecker()
    for event in events:
        checker.see(event)
    assert checker.state == "ended"


@given(st.lists(st.integers(0, 4000), max_size=12))
def test_cut_anywhere_the_events_are_the_same(cuts: list[int]) -> None:
    data = stream_of(*WHOLE)
    edges = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    assert read(*(data[a:b] for a, b in pairwise(edges))) == read(data)


def test_byte_by_byte() -> None:
    data = stream_of(*WHOLE).replace(b"\n", b"\r\n")
    assert read(*(data[at : at + 1] for at in range(len(data)))) == read(stream_of(*WHOLE))


@pytest.mark.parametrize(
    ("start", "deltas", "arguments"),
    [
        ({}, [], "{}"),
        ({}, [""], "{}"),
        ({"at": 1}, [], '{"at":1}'),
        ({}, ["{}"], "{}"),
    ],
)
def test_a_tool_call_always_has_arguments(start: dict[str, Any], deltas: list[str], arguments: str) -> None:
    tool = {"type": "tool_use", "id": "t", "name": "look", "input": start}
    pieces = [{"type": "input_json_delta", "partial_json": delta} for delta in deltas]
    reply = fold(read(stream_of(head(), *block(0, tool, *pieces), *tail())))
    assert reply.parts == (ToolCall(id="t", name="look", arguments=arguments),)


def test_contents_that_come_with_the_start() -> None:
    starts = [{"type": "text", "text": "a"}, {"type": "thinking", "thinking": "b", "signature": "s"}]
    reply = fold(read(stream_of(head(), *block(0, starts[0]), *block(1, starts[1]), *tail())))
    assert reply.parts == (Text("a"), Thinking(text="b", signature="s", origin="anthropic"))


def test_an_error_inside_the_stream() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    *_, failed = read(stream_of(head(), error, *tail()))
    assert isinstance(failed, e.Failed)
    assert (failed.error.error_class, failed.error.status) == (ErrorClass.OVERLOADED, 529)


@pytest.mark.parametrize("count", range(len(WHOLE) - 2))
def test_a_cut_stream_fails(count: int) -> None:
    *_, failed = read(stream_of(*WHOLE[:count]))
    assert isinstance(failed, e.Failed)
    assert failed.error.error_class is ErrorClass.UPSTREAM_ERROR


def test_a_stream_whose_last_word_is_missing_is_whole() -> None:
    assert fold(read(stream_of(*WHOLE[:-1]))) == fold(read(stream_of(*WHOLE)))
    assert read(stream_of(*WHOLE).rstrip(b"\n")) == read(stream_of(*WHOLE))


def test_nothing_follows_the_end() -> None:
    data = stream_of(*WHOLE)
    assert read(data, data, b"data: [DONE]\n\n") == read(data)


def test_blocks_left_open_are_ended() -> None:
    open_block = text_block(0, "a")[:-1]
    events = read(stream_of(head(), *open_block, *tail()))
    assert fold(events).parts == (Text("a"),)
    assert e.BlockEnded(0) in events


DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}}


@pytest.mark.parametrize(
    "events",
    [
        [DELTA],
        [head(), DELTA],
        [head(), head()],
        [{"type": "message_start"}],
        [tail()[0]],
        [{"type": "message_stop"}],
        text_block(0, "a"),
        [head(), {"type": "content_block_stop", "index": 0}],
        [head(), {"type": "content_block_start", "index": 0}],
        [head(), text_block(0)[0], text_block(0)[0]],
        [head(), {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}}, DELTA],
        [head(), text_block(0)[0], {"type": "content_block_delta", "index": 0}],
    ],
)
def test_events_out_of_order_are_the_providers_fault(events: list[dict[str, Any]]) -> None:
    with pytest.raises(UpstreamProtocolError):
        read(stream_of(*events))


@pytest.mark.parametrize("data", [b"data: <html>\n\n", b"data: {\n\n", b"data: \xff\n\n", b"event: x\ndata: []\n\n"])
def test_bytes_that_are_no_event(data: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        MessagesReader().feed(data)


@given(
    st.lists(st.binary() | st.sampled_from(WHOLE).map(lambda event: b"data: " + msgspec.json.encode(event) + b"\n\n"))
)
def test_any_bytes_give_legal_events_or_the_providers_fault(chunks: list[bytes]) -> None:
    assert state_after(chunks) in {"ended", "refused"}


def state_after(chunks: list[bytes]) -> str:
    checker = OrderChecker()
    try:
        events = read(*chunks)
    except UpstreamProtocolError:
        return "refused"
    for event in events:
        checker.see(event)
    return checker.state
