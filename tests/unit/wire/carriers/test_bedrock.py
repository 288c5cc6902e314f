from __future__ import annotations

import base64
import json
from typing import Any

import botocore.session
import msgspec
import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.fold import fold, unfold
from sekisho.canonical.request import Message, Request, Text
from sekisho.canonical.target import Target
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, ErrorInfo
from sekisho.wire import aws_errors
from sekisho.wire.anthropic_messages import DIALECT as MESSAGES
from sekisho.wire.carried import carry_request, reframed
from sekisho.wire.carrier import Said
from sekisho.wire.carriers.bedrock import chat_on_bedrock, messages_on_bedrock
from sekisho.wire.carriers.chunks import METRICS, encode_chunk
from sekisho.wire.dialect import Dialect
from sekisho.wire.json_edit import JsonObject
from sekisho.wire.openai_chat import DIALECT as CHAT
from tests.support.wires import USAGE, WORDS, cut_at, events_in, reply_of, stream_body, whole_body

CLAUDE, GPT = messages_on_bedrock(MESSAGES), chat_on_bedrock(CHAT)
EACH = pytest.mark.parametrize(("carried", "plain"), [(CLAUDE, MESSAGES), (GPT, CHAT)], ids=["messages", "chat"])
ASKED = Request(model="m", messages=(Message("user", (Text("Hi"),)),), stream=True, include_usage=True)
MARKS = st.lists(st.integers(0, 10_000), max_size=8)
BODY = b'{"model":"claude-x","max_tokens":9, "messages":[{"role":"user","content":"Hi"}],"stream":true}'
INVOKED = (
    b'{"max_tokens":9, "messages":[{"role":"user","content":"Hi"}],"anthropic_version":"bedrock-2023-05-31",'
    b'"anthropic_beta":["context-1m-2025-08-07"]}'
)


def wrapped(dialect: Dialect, stream: bytes) -> bytes:
    wrap = dialect.carrier.wrap()
    return wrap.feed(stream) + wrap.close()


def inner(stream: bytes) -> list[dict[str, Any]]:
    """What botocore finds in the chunks."""
    buffer = EventStreamBuffer()
    buffer.add_data(stream)
    payloads = [json.loads(event.to_response_dict()["body"]) for event in buffer]
    return [json.loads(base64.b64decode(payload["bytes"])) for payload in payloads]


def test_a_messages_body_goes_to_bedrock_and_comes_back() -> None:
    said = Said(model="m", stream=True, betas=("claude-code-20250219", "context-1m-2025-08-07"))
    there = carry_request(JsonObject(BODY), MESSAGES, CLAUDE, said)
    assert (there.body, there.headers) == (INVOKED, {})
    assert there.dropped == ("anthropic-beta.claude-code-20250219",)
    back = carry_request(JsonObject(there.body), CLAUDE, MESSAGES, Said(model="claude-x", stream=True))
    assert json.loads(back.body) == json.loads(BODY)
    assert back.headers == {"anthropic-beta": "context-1m-2025-08-07"}


def test_a_body_without_betas_names_none() -> None:
    body = JsonObject(b'{"anthropic_beta":"wrong","messages":[]}')
    made = carry_request(body, CLAUDE, MESSAGES, Said(model="m", stream=False))
    assert (made.body, made.headers) == (b'{"messages":[],"model":"m"}', {})
    made = carry_request(JsonObject(BODY), MESSAGES, CLAUDE, Said(model="m", stream=False))
    assert "anthropic_beta" not in json.loads(made.body)


def test_a_cache_scope_does_not_reach_bedrock() -> None:
    mark = b'{"type":"text","text":"a","cache_control":{"type":"ephemeral","scope":"global"}}'
    body = b'{"model":"m","max_tokens":1,"system":[%b],"messages":[]}' % mark
    made = carry_request(JsonObject(body), MESSAGES, CLAUDE, Said(model="m", stream=False))
    assert b"scope" not in made.body
    assert json.loads(made.body)["system"][0]["cache_control"] == {"type": "ephemeral"}


def test_a_chat_body_goes_to_bedrock() -> None:
    body = b'{"model":"gpt-oss","stream":true,"stream_options":{"include_usage":true},"messages":[],"top_p":0}'
    made = carry_request(JsonObject(body), CHAT, GPT, Said(model="openai.gpt-oss-120b-1:0", stream=True))
    assert (made.body, made.headers) == (b'{"messages":[],"top_p":0}', {})


@EACH
def test_a_request_is_read_and_written(carried: Dialect, plain: Dialect) -> None:
    body = carried.encode_request(ASKED, Target(model="other")).body
    assert "model" not in json.loads(body)
    assert "stream" not in json.loads(body)
    asked = carried.decode_request(body)
    assert (asked.model, asked.stream, asked.messages) == ("", False, ASKED.messages)
    assert carried.shape == plain.name
    assert carried.name == f"{plain.name}@bedrock"


def test_a_reply_is_the_vendors_own() -> None:
    assert CLAUDE.decode_reply(whole_body("anthropic-messages")).parts == (Text("".join(WORDS)),)
    assert CLAUDE.read_facts is MESSAGES.read_facts


@EACH
@given(marks=MARKS)
def test_a_stream_goes_there_and_back_wherever_it_is_cut(carried: Dialect, plain: Dialect, marks: list[int]) -> None:
    stream = stream_body(plain.name)
    there = reframed(plain, carried)
    chunks = b"".join(map(there.feed, cut_at(stream, marks))) + there.close()
    assert chunks == wrapped(carried, stream)
    back = reframed(carried, plain)
    assert b"".join(map(back.feed, cut_at(chunks, marks))) + back.close() == stream


@EACH
def test_botocore_reads_what_is_written(carried: Dialect, plain: Dialect) -> None:
    writer = carried.stream_writer(ASKED)
    events = inner(b"".join(writer.write(event) for event in unfold(reply_of())))
    counts = {"inputTokenCount": USAGE.input_tokens, "outputTokenCount": USAGE.output_tokens}
    assert events[-1][METRICS].items() >= counts.items()
    assert not any(METRICS in event for event in events[:-1])
    plain_writer = plain.stream_writer(ASKED)
    said = b"".join(plain_writer.write(event) for event in unfold(reply_of()))
    datas = [event.partition(b"data: ")[2] for event in events_in(said)]
    assert [{**event, METRICS: None} for event in events] == [
        {**json.loads(data), METRICS: None} for data in datas if not data.startswith(b"[DONE]")
    ]


@EACH
@given(marks=MARKS)
def test_a_stream_is_read_and_watched(carried: Dialect, plain: Dialect, marks: list[int]) -> None:
    stream = wrapped(carried, stream_body(plain.name))
    reader, watch = carried.stream_reader(), carried.stream_watch(False)
    events = []
    for chunk in cut_at(stream, marks):
        events += reader.feed(chunk)
        assert watch.feed(chunk) == chunk
    reply = fold([*events, *reader.close()])
    assert reply.parts == (Text("".join(WORDS)),)
    assert reply.usage == watch.usage == USAGE
    assert (watch.ended, watch.failed) == (True, None)
    assert carried.split(stream) == len(stream)
    assert carried.split(stream[:-1]) < len(stream) - 1


def test_an_unnamed_event_of_claude_gets_its_name() -> None:
    unwrap = CLAUDE.carrier.unwrap()
    assert unwrap.feed(encode_chunk(b'{"index":0,"type":"content_block_stop"}')).startswith(
        b"event: content_block_stop\ndata: {"
    )
    assert unwrap.feed(encode_chunk(b'{"type":"two\\nlines"}')).startswith(b"data: ")


CHAT_END = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
COUNTS = {"inputTokenCount": 5, "outputTokenCount": 7, "cacheReadInputTokenCount": 2, "invocationLatency": 9}


def test_the_counts_of_bedrock_are_those_of_a_chat_that_says_none() -> None:
    stream = encode_chunk(msgspec.json.encode(CHAT_END | {METRICS: COUNTS}))
    watch = GPT.stream_watch(False)
    watch.feed(stream)
    assert watch.usage == Usage(input_tokens=5, cache_read_tokens=2, output_tokens=7)
    told = CHAT_END | {"usage": {"prompt_tokens": 1, "completion_tokens": 1}, METRICS: COUNTS}
    watch = GPT.stream_watch(False)
    watch.feed(encode_chunk(msgspec.json.encode(told)))
    assert watch.usage == Usage(input_tokens=1, output_tokens=1)
    assert watch.ended


THROTTLED = ErrorInfo(error_class=ErrorClass.RATE_LIMITED, message="Slow down.", status=429)


@EACH
def test_an_exception_in_a_stream_is_a_failure_and_back(carried: Dialect, plain: Dialect) -> None:
    begun = wrapped(carried, events_in(stream_body(plain.name))[0])
    stream = begun + carried.render_error_event(THROTTLED, "r1")
    watch = carried.stream_watch(False)
    watch.feed(stream)
    assert watch.failed is not None
    assert (watch.failed.error_class, watch.failed.message) == (ErrorClass.RATE_LIMITED, "Slow down.")
    there, back = reframed(carried, plain), reframed(plain, carried)
    again = back.feed(there.feed(stream) + there.close()) + back.close()
    assert again == stream


@EACH
def test_errors_are_those_of_aws(carried: Dialect, plain: Dialect) -> None:
    status, body = carried.render_error(THROTTLED, "r1")
    assert (status, json.loads(body)) == (429, {"message": "Slow down."})
    assert carried.error_headers(THROTTLED) == ((b"x-amzn-errortype", b"ThrottlingException"),)
    assert carried.error_header == "x-amzn-errortype"
    assert carried.parse_error(429, body, "ThrottlingException:http://x").error_class is ErrorClass.RATE_LIMITED
    assert carried.parse_error is not plain.parse_error


@pytest.mark.parametrize("error_class", ErrorClass)
def test_botocore_knows_every_exception_of_a_stream(error_class: ErrorClass) -> None:
    error = ErrorInfo(error_class=error_class, message="Words.", status=400)
    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    buffer = EventStreamBuffer()
    buffer.add_data(aws_errors.render_error_event(error))
    (message,) = buffer
    headers: Any = message.headers
    for name in ("ResponseStream", "ConverseStreamOutput"):
        stream: Any = model.shape_for(name)
        assert headers[":exception-type"] in stream.members


@pytest.mark.parametrize("error_class", ErrorClass)
def test_botocore_knows_every_error_before_a_stream(error_class: ErrorClass) -> None:
    error = ErrorInfo(error_class=error_class, message="Words.", status=400)
    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    name = aws_errors.error_headers(error)[0][1].decode()
    common = {"UnrecognizedClientException", "UnknownOperationException"}
    shapes = {shape.name: shape for shape in model.operation_model("InvokeModel").error_shapes}
    assert name in shapes or name in common
    if name in shapes and error_class is not ErrorClass.CLIENT_CLOSED:
        status = aws_errors.render_error(error, "r1")[0]
        assert shapes[name].metadata["error"]["httpStatusCode"] == status or status in (413, 426)
