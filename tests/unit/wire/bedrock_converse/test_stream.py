from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical import events as e
from sekisho.canonical.fold import fold
from sekisho.canonical.order import OrderChecker
from sekisho.canonical.request import RedactedThinking, Text, Thinking, ToolCall
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, UpstreamProtocolError
from sekisho.wire.bedrock_converse.stream import ConverseReader
from tests.unit.wire.bedrock_converse.samples import HEAD, block, delta, event, exception, read, status_of, tail

CALL = {"toolUse": {"toolUseId": "t", "name": "look"}}
STREAM = (
    HEAD
    + block(
        0,
        {"reasoningContent": {"text": "Hm"}},
        {"reasoningContent": {"text": "."}},
        {"reasoningContent": {"signature": "s"}},
    )
    + block(1, {"reasoningContent": {"redactedContent": "EmwK"}})
    + block(2, {"text": "a"}, {"text": "あ"})
    + block(3, {"toolUse": {"input": '{"a"'}}, {"toolUse": {"input": ":1}"}}, start=CALL)
    + block(4, {"citation": {"title": "t", "location": {"web": {"url": "https://x"}}}}, {"text": "c"})
    + tail("tool_use", cacheReadInputTokens=5)
)
PARTS = (
    Thinking(text="Hm.", signature="s", origin="anthropic"),
    RedactedThinking("EmwK"),
    Text("aあ"),
    ToolCall(id="t", name="look", arguments='{"a":1}'),
    Text("c"),
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(st.lists(st.integers(0, 10_000), max_size=12))
def test_the_same_legal_events_wherever_the_stream_is_cut(places: list[int]) -> None:
    events = read(*cut(STREAM, places))
    assert events == read(STREAM)
    checker = OrderChecker()
    for seen in events:
        checker.see(seen)
    assert checker.state == "ended"


def test_what_the_stream_says() -> None:
    reply = fold(read(STREAM))
    assert reply.parts == PARTS
    assert reply.stop is e.StopReason.TOOL_USE
    assert reply.usage == Usage(input_tokens=3, output_tokens=9, cache_read_tokens=5)
    assert reply.citations == ((4, e.Citation(url="https://x", title="t")),)


def test_the_end_is_said_when_the_counts_are_there() -> None:
    reader = ConverseReader()
    reader.feed(HEAD + block(0, {"text": "a"}))
    assert reader.feed(event("messageStop", stopReason="end_turn")) == []
    assert reader.feed(event("metadata", usage={"inputTokens": 1, "outputTokens": 2})) == [
        e.UsageReported(Usage(input_tokens=1, output_tokens=2)),
        e.Finished(stop=e.StopReason.END_TURN),
    ]
    assert reader.close() == []


def test_an_end_without_counts_is_an_end() -> None:
    stop = event("messageStop", stopReason="stop_sequence", additionalModelResponseFields={"stop_sequence": "END"})
    assert read(HEAD, stop) == [
        e.Started(id="", model=""),
        e.Finished(stop=e.StopReason.STOP_SEQUENCE, stop_sequence="END"),
    ]


@pytest.mark.parametrize("said", [b"", HEAD, HEAD + delta(0, text="a"), HEAD + STREAM[-30:-10]])
def test_an_early_end_is_a_failure(said: bytes) -> None:
    try:
        events = read(said)
    except UpstreamProtocolError:
        return
    assert isinstance(events[-1], e.Failed)


def test_half_a_message_at_the_end_is_a_failure() -> None:
    assert isinstance(read(STREAM[:-5])[-1], e.Failed)


@pytest.mark.parametrize(
    ("kind", "error_class"),
    [
        ("throttlingException", ErrorClass.RATE_LIMITED),
        ("validationException", ErrorClass.INVALID_REQUEST),
        ("modelStreamErrorException", ErrorClass.UPSTREAM_ERROR),
        ("internalServerException", ErrorClass.UPSTREAM_ERROR),
        ("serviceUnavailableException", ErrorClass.OVERLOADED),
        ("modelTimeoutException", ErrorClass.UPSTREAM_TIMEOUT),
    ],
)
def test_an_exception_inside_the_stream(kind: str, error_class: ErrorClass) -> None:
    *_, failed = read(HEAD + delta(0, text="a"), exception(kind, "Words."), delta(0, text="b"))
    assert isinstance(failed, e.Failed)
    assert (failed.error.error_class, failed.error.message) == (error_class, "Words.")


def test_what_a_tool_of_the_provider_did_is_passed_over() -> None:
    server = {"toolUse": {"toolUseId": "s", "name": "search", "type": "server_tool_use"}}
    stream = (
        HEAD
        + block(0, {"toolUse": {"input": "{}"}}, start=server)
        + block(1, {"toolResult": [{"text": "found"}]}, start={"toolResult": {"toolUseId": "s"}})
        + event("somethingNew", a=1)
        + block(2, {"text": "a"})
        + block(3, {"hologram": {}})
        + tail()
    )
    assert fold(read(stream)).parts == (Text("a"),)


def test_a_call_without_arguments() -> None:
    stream = HEAD + block(0, {"toolUse": {"input": ""}}, start=CALL) + tail("tool_use")
    assert fold(read(stream)).parts == (ToolCall(id="t", name="look", arguments=""),)


def test_a_blob_in_pieces_is_one() -> None:
    pieces = [{"reasoningContent": {"redactedContent": piece}} for piece in ("YQ==", "YmM=")]
    assert fold(read(HEAD + block(0, *pieces) + tail())).parts == (RedactedThinking("YWJj"),)


@pytest.mark.parametrize(
    "stream",
    [
        delta(0, text="a"),
        HEAD + HEAD,
        HEAD + delta(0, toolUse={"input": "{}"}),
        HEAD + delta(0, text="a") + delta(0, reasoningContent={"text": "b"}),
        HEAD + event("contentBlockStart", contentBlockIndex=0, start=CALL) * 2,
        HEAD + event("contentBlockStart", contentBlockIndex=0, start=CALL) + delta(0, toolUse={"input": {}}),
        HEAD + event("metadata", usage={}),
        HEAD + event("contentBlockDelta", delta=1),
        HEAD + block(0, *({"reasoningContent": {"redactedContent": "?"}},) * 2),
        b"data: {}\n\n" * 4,
    ],
)
def test_what_is_out_of_order_is_refused(stream: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        read(stream)


@given(st.integers(0, len(STREAM) - 1), st.integers(1, 255))
def test_a_stream_with_a_wrong_byte_is_refused(at: int, change: int) -> None:
    broken = bytearray(STREAM)
    broken[at] ^= change
    assert status_of(lambda: fold(read(bytes(broken)))) == 502


@pytest.mark.parametrize("word", ["malformed_model_output", "malformed_tool_use"])
def test_a_stream_that_bedrock_could_not_read_fails_and_is_counted(word: str) -> None:
    """An agent would take the end of a turn for the end of its work."""
    *_, usage, last = read(HEAD + block(0, {"text": "a"}) + tail(word))
    assert isinstance(usage, e.UsageReported)
    assert isinstance(last, e.Failed)
    assert (last.error.code, last.error.error_class) == (word, ErrorClass.UPSTREAM_ERROR)
