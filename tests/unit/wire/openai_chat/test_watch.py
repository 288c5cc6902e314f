from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.usage import Usage
from sekisho.core import bounds
from sekisho.core.errors import ErrorClass
from sekisho.wire.openai_chat.watch import ChatWatch


def event(body: dict[str, object]) -> bytes:
    return b"data: " + msgspec.json.encode({"id": "x", "model": "served", **body}) + b"\n\n"


def delta(**fields: object) -> bytes:
    return event({"choices": [{"index": 0, "delta": fields, "finish_reason": None}], "usage": None})


USAGE = event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}})
DONE = b"data: [DONE]\n\n"
FINISH = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
BEFORE = b"".join(
    (
        event({"id": "", "model": "", "choices": [], "prompt_filter_results": []}),
        delta(role="assistant", content=""),
        b": heartbeat\n\n",
        delta(reasoning_content="考え"),
        delta(content="héllo"),
        delta(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": '{"a":1}'}}]),
        FINISH,
    )
)
STREAM = BEFORE + USAGE + DONE
TEXT_BYTES = len('考えhéllo{"a":1}'.encode())


def watched(pieces: list[bytes], *, strip: bool) -> tuple[bytes, ChatWatch]:
    watch = ChatWatch(strip)
    out = b"".join(watch.feed(piece) for piece in pieces)
    return out + watch.close(), watch


def facts(watch: ChatWatch) -> tuple[object, ...]:
    return (
        watch.usage,
        watch.served_model,
        watch.events,
        watch.finished,
        watch.failed,
        watch.text_bytes,
    )


def test_what_it_counts() -> None:
    out, watch = watched([STREAM], strip=False)
    assert out == STREAM
    assert facts(watch) == (Usage(input_tokens=9, output_tokens=3), "served", 7, True, None, TEXT_BYTES)


def test_the_usage_event_that_only_the_gateway_asked_for_is_removed_and_nothing_else() -> None:
    out, watch = watched([STREAM], strip=True)
    assert out == BEFORE + DONE
    assert watch.usage == Usage(input_tokens=9, output_tokens=3)


def cut(stream: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(at), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges)]


ENDINGS = {"LF": STREAM, "CRLF": STREAM.replace(b"\n", b"\r\n"), "CR": STREAM.replace(b"\n", b"\r")}


@pytest.mark.parametrize("ending", ENDINGS)
@given(st.data())
def test_cut_anywhere_it_sees_and_removes_the_same(ending: str, data: st.DataObject) -> None:
    stream = ENDINGS[ending]
    pieces = cut(stream, data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    whole, one = watched([stream], strip=True)
    out, many = watched(pieces, strip=True)
    assert out == whole
    assert len(stream) - len(whole) >= len(USAGE)
    assert facts(many) == facts(one)
    out, many = watched(pieces, strip=False)
    assert out == stream
    assert facts(many) == facts(one)


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_without_stripping_no_byte_is_held_back(at: list[int]) -> None:
    watch = ChatWatch()
    for piece in cut(STREAM, at):
        assert watch.feed(piece) == piece
    assert watch.close() == b""


@pytest.mark.parametrize("end", range(0, len(STREAM), 7))
def test_after_a_cut_what_was_seen_is_counted(end: int) -> None:
    out, watch = watched([STREAM[:end]], strip=False)
    assert out == STREAM[:end]
    assert 0 <= watch.text_bytes <= TEXT_BYTES
    assert watch.finished is (FINISH[:-2] in STREAM[:end])


def test_a_usage_that_comes_with_something_else_is_not_removed() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    both = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage})
    filters = event({"choices": [], "usage": None, "prompt_filter_results": []})
    out, watch = watched([both, filters], strip=True)
    assert out == both + filters
    assert watch.usage == Usage(input_tokens=1, output_tokens=1)


def test_every_choice_is_counted() -> None:
    choices = [{"index": at, "delta": {"content": "ab"}} for at in (0, 1)]
    _, watch = watched([event({"choices": choices})], strip=False)
    assert watch.text_bytes == 4


def test_custom_input_and_object_arguments_are_counted() -> None:
    calls: list[object] = [{"custom": {"input": "abc"}}, {"function": {"arguments": {"a": 1}}}, {}]
    _, watch = watched([delta(tool_calls=calls)], strip=False)
    assert watch.text_bytes == len('abc{"a":1}')


@pytest.mark.parametrize(
    "raw",
    [b'data: {"error":{"message":"full","code":503}}\n\n', b'event: error\ndata: {"message":"full","code":503}\n\n'],
)
def test_an_error_is_noticed(raw: bytes) -> None:
    out, watch = watched([raw], strip=True)
    assert out == raw
    assert watch.failed is not None
    assert watch.failed.error_class is ErrorClass.OVERLOADED


@given(
    st.lists(st.binary(max_size=20) | st.sampled_from([b"data: {", b"\n\n", b"data: [DONE]", b"\r\n\r\n"]), max_size=8)
)
def test_any_bytes_pass(pieces: list[bytes]) -> None:
    assert watched(pieces, strip=False)[0] == b"".join(pieces)
    assert watched(pieces, strip=True)[0] == b"".join(pieces)


def test_an_event_without_an_end_is_not_hoarded() -> None:
    piece = b"data: " + b"x" * (bounds.STREAM_EVENT_BYTES // 2)
    out, watch = watched([piece, piece, piece], strip=True)
    assert out == piece * 3
    assert watch.events <= 1


def test_the_tier_that_was_served_stands_in_the_usage() -> None:
    watch = ChatWatch()
    watch.feed(event({"choices": [], "usage": {"prompt_tokens": 9}, "service_tier": "flex"}))
    assert watch.usage == Usage(input_tokens=9, service_tier="flex")
