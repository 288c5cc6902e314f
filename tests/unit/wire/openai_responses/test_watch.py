from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.usage import Usage
from sekisho.core import bounds
from sekisho.core.errors import ErrorClass
from sekisho.wire.openai_responses.watch import StreamWatch
from sekisho.wire.sse import sse_event
from tests.support.responses_kit import cut

USAGE = {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 3}
EVENTS: list[dict[str, object]] = [
    {"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5.5"}},
    {"type": "response.output_item.added", "item": {"type": "message"}},
    {"type": "response.output_text.delta", "delta": "あa", "obfuscation": "xxxx"},
    {"type": "response.function_call_arguments.delta", "delta": '{"a"'},
    {"type": "response.mcp_call_arguments.delta", "delta": {"odd": 1}},
    {"type": "response.completed", "response": {"id": "resp_1", "model": "gpt-5.5-2026", "usage": USAGE}},
]
STREAM = b"".join(sse_event(msgspec.json.encode(event), str(event["type"])) for event in EVENTS)


def watched(*chunks: bytes) -> StreamWatch:
    watch = StreamWatch(True)
    assert b"".join([*(watch.feed(chunk) for chunk in chunks), watch.close()]) == b"".join(chunks)
    return watch


def seen(watch: StreamWatch) -> tuple[object, ...]:
    return (watch.usage, watch.served_model, watch.events, watch.finished, watch.failed, watch.text_bytes)


def test_everything_that_the_ledger_wants() -> None:
    usage = Usage(input_tokens=5, cache_read_tokens=4, output_tokens=3)
    assert seen(watched(STREAM)) == (usage, "gpt-5.5-2026", 6, True, None, len("あa".encode()) + 4)


@given(st.lists(st.integers(0, len(STREAM)), max_size=10))
def test_the_same_wherever_the_stream_is_cut(offsets: list[int]) -> None:
    assert seen(watched(*cut(STREAM, offsets))) == seen(watched(STREAM))


def test_after_a_cut_there_is_what_was_seen() -> None:
    watch = StreamWatch(False)
    watch.feed(STREAM[: STREAM.index(b"event: response.function_call")])
    assert (watch.usage, watch.finished, watch.text_bytes) == (None, False, 4)


def test_streams_without_event_lines() -> None:
    bare = b"".join(sse_event(msgspec.json.encode(event)) for event in EVENTS)
    assert seen(watched(bare)) == seen(watched(STREAM))


@pytest.mark.parametrize("terminal", ["response.incomplete", "response.failed"])
def test_usage_of_every_ending(terminal: str) -> None:
    event = {"type": terminal, "response": {"usage": USAGE, "error": {"code": "server_error", "message": "x"}}}
    watch = watched(sse_event(msgspec.json.encode(event), terminal))
    assert watch.usage == Usage(input_tokens=5, cache_read_tokens=4, output_tokens=3)
    assert watch.finished == (terminal == "response.incomplete")
    assert (watch.failed is not None) == (terminal == "response.failed")


def test_an_error_event_is_a_failure() -> None:
    watch = watched(b'event: error\ndata: {"type":"error","code":"rate_limit_exceeded","message":"slow"}\n\n')
    assert watch.failed is not None
    assert watch.failed.error_class is ErrorClass.RATE_LIMITED


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_any_bytes_pass(chunks: list[bytes]) -> None:
    assert watched(*chunks).finished is False


def test_an_event_without_an_end_is_let_go_and_the_usage_behind_it_is_read() -> None:
    watch = watched(b"data: " + b"x" * (bounds.STREAM_EVENT_BYTES + 1), b"\n\n", STREAM)
    assert watch.finished
    assert watch.usage == watched(STREAM).usage is not None


def test_an_event_deeper_than_a_decoder_bears_passes_unread() -> None:
    deep = b"[" * 3000 + b"]" * 3000
    event = sse_event(
        b'{"type":"response.output_text.delta","delta":"x","more":' + deep + b"}", "response.output_text.delta"
    )
    watch = watched(event)
    assert (watch.events, watch.text_bytes) == (1, 0)


def test_the_tier_that_was_served_stands_in_the_usage() -> None:
    body = {"type": "response.completed", "response": {"usage": USAGE, "service_tier": "priority"}}
    watch = watched(sse_event(msgspec.json.encode(body), "response.completed"))
    assert watch.usage is not None
    assert watch.usage.service_tier == "priority"
