from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.events import Failed
from sekisho.canonical.fold import fold, unfold
from sekisho.canonical.request import Message, Request, Text
from sekisho.canonical.target import Target
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, ErrorInfo, MalformedRequest, UpstreamProtocolError
from sekisho.wire.bedrock_converse import DIALECT as CONVERSE
from sekisho.wire.carriers.chunks import METRICS, encode_chunk
from sekisho.wire.carriers.nova import nova_on_bedrock
from sekisho.wire.eventstream import encode_message
from tests.support.wires import WORDS, cut_at, reply_of

NOVA = nova_on_bedrock(CONVERSE)
COUNTS = Usage(input_tokens=5, output_tokens=9, cache_read_tokens=3, cache_write_tokens=2)
ASKED = Request(model="m", messages=(Message("user", (Text("Hi"),)),), stream=True, include_usage=True)
TURN = {"role": "user", "content": [{"text": "Hi"}]}
MARKS = st.lists(st.integers(0, 10_000), max_size=8)


def inner(stream: bytes) -> list[dict[str, Any]]:
    buffer: Any = EventStreamBuffer()
    buffer.add_data(stream)
    return [json.loads(base64.b64decode(json.loads(message.payload)["bytes"])) for message in buffer]


def written() -> bytes:
    writer = NOVA.stream_writer(ASKED)
    return b"".join(writer.write(event) for event in unfold(reply_of(usage=COUNTS)))


def test_it_is_a_dialect_whose_bodies_are_translated() -> None:
    assert NOVA.name == "bedrock-converse@bedrock"
    assert not NOVA.shares_body_with(CONVERSE)
    assert NOVA.stream_type == CONVERSE.stream_type
    assert NOVA.error_headers is CONVERSE.error_headers


@pytest.mark.parametrize(
    "knobs",
    [
        {"max_new_tokens": 7, "top_p": 0.5, "top_k": 20, "stop_sequences": ["x"]},
        {"maxTokens": 7, "topP": 0.5, "topK": 20, "stopSequences": ["x"]},
    ],
    ids=["old", "new"],
)
def test_novas_knobs_are_understood(knobs: dict[str, Any]) -> None:
    body = {"schemaVersion": "messages-v1", "messages": [TURN], "system": [{"text": "Be."}], "inferenceConfig": knobs}
    asked = NOVA.decode_request(json.dumps(body).encode())
    assert (asked.max_tokens, asked.top_p, asked.top_k, asked.stop) == (7, 0.5, 20, ("x",))
    assert (asked.model, asked.stream, len(asked.messages)) == ("", False, 2)


@pytest.mark.parametrize("inside", [True, False])
def test_thinking_is_asked_for_in_either_place(*, inside: bool) -> None:
    wish = {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}
    body: dict[str, Any] = {"messages": [TURN], **({"inferenceConfig": wish} if inside else wish)}
    asked = NOVA.decode_request(json.dumps(body).encode())
    assert asked.reasoning is not None
    assert asked.reasoning.effort == "low"


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"inferenceConfig":1}', b'{"messages":1}', b"\xff"])
def test_what_is_no_body_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        NOVA.decode_request(body)


def test_a_request_is_written_and_read_again() -> None:
    request = Request(model="m", messages=ASKED.messages, max_tokens=7, temperature=0.0, stop=("x",))
    body = NOVA.encode_request(request, Target(model="amazon.nova-lite-v1:0")).body
    assert json.loads(body)["schemaVersion"] == "messages-v1"
    asked = NOVA.decode_request(body)
    assert (asked.messages, asked.max_tokens, asked.temperature, asked.stop) == (request.messages, 7, 0.0, ("x",))


def test_a_reply_is_written_in_novas_words_and_read_again() -> None:
    body = NOVA.encode_reply(reply_of(usage=COUNTS), ASKED)
    reply = json.loads(body)
    assert set(reply) == {"output", "stopReason", "usage"}
    assert (reply["usage"]["cacheReadInputTokenCount"], reply["usage"]["cacheWriteInputTokenCount"]) == (3, 2)
    assert NOVA.decode_reply(body).parts == (Text("".join(WORDS)),)
    assert NOVA.decode_reply(body).usage == COUNTS
    assert NOVA.read_facts(body).usage == COUNTS


def test_what_is_no_reply_is_an_error_and_has_no_facts() -> None:
    with pytest.raises(UpstreamProtocolError):
        NOVA.decode_reply(b"[]")
    assert NOVA.read_facts(b"[]").usage is None


def test_botocore_reads_the_stream() -> None:
    events = inner(written())
    assert [next(iter(event)) for event in (events[0], *events[-2:])] == ["messageStart", "messageStop", "metadata"]
    assert [METRICS in event for event in events] == [False] * (len(events) - 1) + [True]
    assert events[-1][METRICS] == {
        "inputTokenCount": 5,
        "outputTokenCount": 9,
        "cacheReadInputTokenCount": 3,
        "cacheWriteInputTokenCount": 2,
    }
    assert events[-1]["metadata"]["usage"]["cacheReadInputTokenCount"] == 3


@given(marks=MARKS)
def test_a_stream_is_read_wherever_it_is_cut(marks: list[int]) -> None:
    stream, reader, watch = written(), NOVA.stream_reader(), NOVA.stream_watch(False)
    events = []
    for chunk in cut_at(stream, marks):
        events += reader.feed(chunk)
        assert watch.feed(chunk) == chunk
    reply = fold([*events, *reader.close()])
    assert reply.parts == (Text("".join(WORDS)),)
    assert reply.usage == watch.usage == COUNTS
    assert watch.ended


@pytest.mark.parametrize("data", [b"{}", b"[]", b'{"a":1,"b":2}', b'{"metadata":1}'])
def test_an_event_of_another_shape_is_an_error(data: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        NOVA.stream_reader().feed(encode_chunk(data))


@pytest.mark.parametrize("payload", [b"{", b"[]", b'{"usage":[]}', b'{"metrics":"\xe4"}'])
def test_metadata_that_cannot_be_written_for_nova_are_an_error(payload: bytes) -> None:
    wrap = nova_on_bedrock(CONVERSE).carrier.wrap()
    with pytest.raises(UpstreamProtocolError):
        wrap.feed(encode_message({":event-type": "metadata", ":message-type": "event"}, payload))


def test_a_failure_is_an_exception_both_ways() -> None:
    error = ErrorInfo(error_class=ErrorClass.RATE_LIMITED, message="Slow down.", status=429)
    stream = NOVA.stream_writer(ASKED).write(Failed(error))
    (failed,) = NOVA.stream_reader().feed(stream)
    assert isinstance(failed, Failed)
    assert (failed.error.error_class, failed.error.message) == (ErrorClass.RATE_LIMITED, "Slow down.")
