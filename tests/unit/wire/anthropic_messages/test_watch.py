from __future__ import annotations

from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.usage import Usage
from sekisho.core import bounds
from sekisho.core.errors import ErrorClass
from sekisho.wire.anthropic_messages.watch import MessagesWatch, read_facts
from sekisho.wire.dialect import ReplyFacts
from tests.unit.wire.anthropic_messages.samples import block, head, stream_of, tail, text_block

STREAM = stream_of(
    head(cache_read_input_tokens=2),
    {"type": "ping"},
    *text_block(0, "abc", "見"),
    *block(1, {"type": "thinking", "thinking": ""}, {"type": "thinking_delta", "thinking": "hm"}),
    *block(2, {"type": "tool_use", "id": "t", "name": "n"}, {"type": "input_json_delta", "partial_json": '{"a":1}'}),
    *tail("tool_use", input_tokens=6),
)


def watched(*chunks: bytes) -> MessagesWatch:
    watch = MessagesWatch()
    assert b"".join([*(watch.feed(chunk) for chunk in chunks), watch.close()]) == b"".join(chunks)
    return watch


def facts(watch: MessagesWatch) -> tuple[object, ...]:
    return (watch.usage, watch.served_model, watch.events, watch.finished, watch.failed, watch.text_bytes)


def test_a_whole_stream() -> None:
    usage = Usage(input_tokens=6, cache_read_tokens=2, output_tokens=9)
    assert facts(watched(STREAM)) == (usage, "claude-x", 14, True, None, 3 + 3 + 2 + 7)


@given(st.lists(st.integers(0, 4000), max_size=12))
def test_cut_anywhere_the_facts_are_the_same(cuts: list[int]) -> None:
    edges = sorted({0, len(STREAM), *(cut % len(STREAM) for cut in cuts)})
    pieces = [STREAM[a:b] for a, b in pairwise(edges)]
    assert facts(watched(*pieces)) == facts(watched(STREAM))


def test_a_cut_stream_says_how_far_it_came() -> None:
    watch = watched(stream_of(head(), *text_block(0, "abc")))
    assert (watch.finished, watch.text_bytes, watch.usage) == (False, 3, Usage(input_tokens=3, output_tokens=1))


def test_an_error_in_the_stream() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    failed = watched(stream_of(head(), error)).failed
    assert failed is not None
    assert failed.error_class is ErrorClass.OVERLOADED


def test_a_server_that_names_no_events() -> None:
    nameless = b"\n".join(line for line in STREAM.split(b"\n") if not line.startswith(b"event:"))
    assert facts(watched(nameless)) == facts(watched(STREAM))


def test_the_last_blank_line_may_be_missing() -> None:
    assert watched(STREAM.rstrip(b"\n")).finished


@given(st.lists(st.binary() | st.sampled_from([b"data: {\n\n", b"event: content_block_delta\ndata: []\n\n", STREAM])))
def test_it_never_raises_and_never_changes_a_byte(chunks: list[bytes]) -> None:
    assert watched(*chunks).events >= 0


def test_an_event_without_an_end_is_let_go() -> None:
    watch = watched(b"data: " + b"x" * (bounds.STREAM_EVENT_BYTES + 1), b"\n\n", STREAM)
    assert watch.finished


def test_facts_of_a_whole_reply() -> None:
    body = {
        "id": "msg_1",
        "model": "claude-x",
        "content": [
            {"type": "text", "text": "見"},
            {"type": "thinking", "thinking": "hm"},
            {"type": "tool_use", "id": "t", "name": "n", "input": {"a": 1}},
        ],
        "usage": {"input_tokens": 4, "output_tokens": 5},
    }
    usage = Usage(input_tokens=4, output_tokens=5)
    assert read_facts(msgspec.json.encode(body)) == ReplyFacts(
        usage=usage, served_model="claude-x", text_bytes=3 + 2 + 7
    )


@given(st.binary())
def test_facts_of_anything(body: bytes) -> None:
    assert isinstance(read_facts(body), ReplyFacts)
