from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorInfo, UpstreamProtocolError
from sekisho.wire.anthropic_messages import DIALECT as MESSAGES
from sekisho.wire.carriers.chunks import (
    METRICS,
    FromChunks,
    Metrics,
    Place,
    ToChunks,
    encode_chunk,
    metrics_of,
    with_keys,
)
from sekisho.wire.eventstream import EventStreamReader, encode_message
from sekisho.wire.sse import sse_event
from tests.support.wires import cut_at

MARKS = st.lists(st.integers(0, 10_000), max_size=8)


def event_of(data: bytes, metrics: Metrics | None) -> bytes:
    return sse_event(data) if metrics is None else sse_event(data, f"counted{metrics.output_token_count}")


def error_of(error: ErrorInfo) -> bytes:
    return sse_event(error.error_class.encode(), "error")


def reader() -> FromChunks:
    return FromChunks(event_of, error_of)


def place_of(_name: bytes, data: bytes) -> Place:
    places: dict[bytes, Place] = {b'{"a":"maybe"}': "maybe_last", b'{"a":"last"}': "last", b"[DONE]": "end"}
    return places.get(data, "within")


def inner(stream: bytes) -> list[bytes]:
    """What the chunks hold, and the names of exceptions."""
    out = []
    for message in EventStreamReader().feed(stream):
        if message.header(":message-type") == "exception":
            out.append(message.header(":exception-type").encode())
        else:
            assert message.headers == {
                ":event-type": "chunk",
                ":content-type": "application/json",
                ":message-type": "event",
            }
            out.append(base64.b64decode(json.loads(message.payload)["bytes"]))
    return out


@given(texts=st.lists(st.text(max_size=8), max_size=4), marks=MARKS)
def test_chunks_become_events_wherever_they_are_cut(texts: list[str], marks: list[int]) -> None:
    datas = [json.dumps({"a": text}).encode() for text in texts]
    stream = b"".join(map(encode_chunk, datas))
    chunks, filters = (cut_at(stream, marks) if stream else []), reader()
    assert b"".join(map(filters.feed, chunks)) + filters.close() == b"".join(map(sse_event, datas))
    back = ToChunks(MESSAGES, place_of)
    events = b"".join(map(sse_event, datas))
    made = b"".join(map(back.feed, cut_at(events, marks) if events else [])) + back.close()
    assert made == stream


def test_padding_and_other_events_are_passed_over() -> None:
    padded = encode_message({":event-type": "chunk", ":message-type": "event"}, b'{"p":"abc","bytes":"e30="}')
    other = encode_message({":event-type": "initial-response", ":message-type": "event"}, b"{}")
    assert reader().feed(other + padded) == b"data: {}\n\n"


def test_metrics_are_taken_out_and_handed_over() -> None:
    data = json.dumps({"type": "x", METRICS: {"inputTokenCount": 3, "outputTokenCount": 7, "firstByteLatency": 1}})
    assert reader().feed(encode_chunk(data.encode())) == b'event: counted7\ndata: {"type": "x"}\n\n'
    said = json.dumps({"text": f"{METRICS} is a word"}).encode()
    assert reader().feed(encode_chunk(said)) == sse_event(said)


def test_json_over_several_lines_is_one_event() -> None:
    assert reader().feed(encode_chunk(b'{\r\n  "a": 1\n}')) == b'data: {   "a": 1 }\n\n'


@pytest.mark.parametrize(
    "payload", [b"{}", b"null", b'{"bytes":1}', b'{"bytes":"!"}', b'{"bytes":"\xff"}', b"[" * 100_000]
)
def test_a_chunk_that_cannot_be_read_is_an_error(payload: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        reader().feed(encode_message({":event-type": "chunk", ":message-type": "event"}, payload))


@pytest.mark.parametrize(
    "data",
    [
        b'{"amazon-bedrock-invocationMetrics":1}',
        b'{"a":1,"a":2,"amazon-bedrock-invocationMetrics":{}}',
        b'x"amazon-bedrock-invocationMetrics"',
    ],
)
def test_metrics_that_cannot_be_read_are_an_error(data: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        reader().feed(encode_chunk(data))


def test_an_exception_is_the_dialects_error() -> None:
    throttled = encode_message(
        {":exception-type": "throttlingException", ":message-type": "exception"}, b'{"message":"slow"}'
    )
    assert reader().feed(encode_chunk(b"{}") + throttled) == b"data: {}\n\nevent: error\ndata: rate_limited\n\n"


def test_half_a_message_is_none() -> None:
    half = reader()
    assert half.feed(encode_chunk(b"{}")[:-1]) + half.close() == b""


def metrics_on(data: bytes) -> object:
    return json.loads(data).get(METRICS)


def test_metrics_stand_on_the_last_chunk() -> None:
    there = inner(ToChunks(MESSAGES, place_of).feed(sse_event(b'{"a":"x"}') + sse_event(b'{"a":"last"}')))
    assert metrics_on(there[0]) is None
    assert metrics_on(there[1]) == {
        "inputTokenCount": 0,
        "outputTokenCount": 0,
        "cacheReadInputTokenCount": 0,
        "cacheWriteInputTokenCount": 0,
    }


def test_what_may_be_the_last_is_held_until_it_is_known() -> None:
    maybe, other = sse_event(b'{"a":"maybe"}'), sse_event(b'{"a":"x"}')
    to_chunks = ToChunks(MESSAGES, place_of)
    assert inner(to_chunks.feed(maybe)) == []
    assert inner(to_chunks.feed(other)) == [b'{"a":"maybe"}', b'{"a":"x"}']
    assert inner(to_chunks.feed(maybe + maybe)) == [b'{"a":"maybe"}']
    (last,) = inner(to_chunks.feed(sse_event(b"[DONE]")))
    assert metrics_on(last)
    assert to_chunks.close() == b""


def test_a_stream_without_its_last_word_has_metrics_too() -> None:
    to_chunks = ToChunks(MESSAGES, place_of)
    assert to_chunks.feed(b'data: {"a":"maybe"}') == b""
    (last,) = inner(to_chunks.close())
    assert metrics_on(last)


@pytest.mark.parametrize("event", [b'event: error\ndata: {"x":1}\n\n', b'data: {"error":{"message":"m"}}\n\n'])
def test_an_error_event_is_an_exception(event: bytes) -> None:
    to_chunks = ToChunks(MESSAGES, place_of)
    made = inner(to_chunks.feed(sse_event(b'{"a":"maybe"}') + event))
    assert made == [b'{"a":"maybe"}', b"internalServerException"]


@pytest.mark.parametrize("data", [b'{"a":"error"}', b'{"error":null,"a":1}', b'"error"'])
def test_the_word_error_is_none(data: bytes) -> None:
    assert inner(ToChunks(MESSAGES, place_of).feed(sse_event(data))) == [data]


def test_counts_are_bedrocks() -> None:
    usage = Usage(input_tokens=1, cache_read_tokens=2, cache_write_tokens=3, output_tokens=4)
    assert metrics_of(usage) == Metrics(1, 4, 2, 3)


def test_an_event_that_is_no_object_takes_no_keys() -> None:
    assert with_keys(b'{"a":1}', {"b": b"2"}) == b'{"a":1,"b":2}'
    with pytest.raises(UpstreamProtocolError):
        with_keys(b"[]", {"b": b"2"})
