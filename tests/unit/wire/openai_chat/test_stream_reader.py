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
from sekisho.canonical.request import Part, RedactedThinking, Refusal, Text, Thinking, ToolCall
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, SekishoError, UpstreamProtocolError
from sekisho.wire.openai_chat.stream_reader import ChatStreamReader

DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 9, "completion_tokens": 3}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **fields: Any) -> bytes:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 5, "model": "served", "choices": [choice]}
    return b"data: " + msgspec.json.encode({**body, **fields}) + b"\n\n"


def tool(index: int, arguments: str = "", name: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "function": {"name": name, "arguments": arguments}, **fields}]}


def read(*pieces: bytes) -> list[e.Event]:
    """All events, checked for order."""
    reader, checker = ChatStreamReader(), OrderChecker()
    events = [event for piece in pieces for event in reader.feed(piece)] + reader.close()
    for event in events:
        checker.see(event)
    assert checker.state == "ended"
    return events


def parts(*pieces: bytes) -> tuple[Part, ...]:
    return fold(read(*pieces)).parts


USAGE_CHUNK = chunk(choices=[], usage=USAGE)


def test_text() -> None:
    role = chunk({"role": "assistant", "content": "", "refusal": None}, usage=None)
    assert read(role, chunk({"content": "a"}), chunk({"content": "b"}), chunk({}, "stop"), USAGE_CHUNK, DONE) == [
        e.Started(id="chatcmpl-1", model="served", created_seconds=5),
        e.BlockStarted(index=0, kind="text"),
        e.TextDelta(0, "a"),
        e.TextDelta(0, "b"),
        e.UsageReported(Usage(input_tokens=9, output_tokens=3)),
        e.BlockEnded(0),
        e.Finished(stop=e.StopReason.END_TURN),
    ]


def test_googles_signatures_stand_before_what_they_came_with() -> None:
    extra = {"google": {"thought_signature": "s1"}}
    called = chunk(tool(0, "{}", "f", id="c1", extra_content=extra))
    told = chunk({"content": "a", "extra_content": {"google": {"thought_signature": "s0"}}})
    found = parts(told, called, chunk(tool(1, "{}", "f", id="c2")), chunk({}, "tool_calls"), DONE)
    assert found == (
        Thinking(text="", signature="s0", origin="gemini"),
        Text("a"),
        Thinking(text="", signature="s1", origin="gemini"),
        ToolCall(id="c1", name="f", arguments="{}"),
        ToolCall(id="c2", name="f", arguments="{}"),
    )


def test_azures_first_chunk_and_filter_chunks_open_nothing() -> None:
    first = chunk(id="", object="", model="", created=0, choices=[], prompt_filter_results=[{"prompt_index": 0}])
    filters: dict[str, Any] = {
        "index": 0,
        "finish_reason": None,
        "content_filter_offsets": {},
        "content_filter_results": {},
    }
    events = read(first, chunk({"role": "assistant", "content": ""}), chunk(choices=[filters]), chunk({}, "stop"), DONE)
    assert events == [
        e.Started(id="chatcmpl-1", model="served", created_seconds=5),
        e.Finished(stop=e.StopReason.END_TURN),
    ]


def test_thought_is_closed_before_text_begins() -> None:
    stream = (
        chunk({"reasoning_content": "h"}),
        chunk({"reasoning_content": "m", "content": ""}),
        chunk({"content": "a"}),
    )
    assert parts(*stream, chunk({}, "stop"), DONE) == (Thinking(text="hm"), Text("a"))


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning": "hm"},
        {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "hm"}]},
        {"reasoning_content": "hm", "thinking_blocks": [{"type": "thinking", "thinking": "hm"}]},
    ],
)
def test_thought_in_the_words_of_vendors(delta: dict[str, Any]) -> None:
    assert parts(chunk(delta), chunk({}, "stop"), DONE) == (Thinking(text="hm"),)


def test_signed_thoughts() -> None:
    signature = {"type": "thinking", "thinking": "", "signature": "sig"}
    whole = {"type": "thinking", "thinking": "again", "signature": "sig2"}
    dark = {"type": "redacted_thinking", "data": "dark"}
    assert parts(
        chunk({"reasoning_content": "hm"}),
        chunk({"thinking_blocks": [signature]}),
        chunk({"thinking_blocks": [whole, dark]}),
        chunk({"content": "a"}, "stop"),
        DONE,
    ) == (
        Thinking(text="hm", signature="sig", origin="anthropic"),
        Thinking(text="again", signature="sig2", origin="anthropic"),
        RedactedThinking("dark"),
        Text("a"),
    )


def test_text_then_a_call_whose_first_chunk_has_arguments() -> None:
    stream = (chunk({"content": "see"}), chunk(tool(0, '{"a":1}', "f", id="c")), chunk({}, "tool_calls"), DONE)
    assert parts(*stream) == (Text("see"), ToolCall(id="c", name="f", arguments='{"a":1}'))


def test_a_call_that_ends_with_stop_is_still_a_call() -> None:
    assert fold(read(chunk(tool(0, "{}", "f", id="c")), chunk({}, "stop"), DONE)).stop is e.StopReason.TOOL_USE


def test_text_after_a_call() -> None:
    stream = (chunk(tool(0, "{}", "f", id="c")), chunk({"content": "so"}), chunk({}, "tool_calls"), DONE)
    assert parts(*stream) == (ToolCall(id="c", name="f", arguments="{}"), Text("so"))


def test_a_refusal() -> None:
    reply = fold(read(chunk({"refusal": "n"}), chunk({"refusal": "o"}), chunk({}, "stop"), DONE))
    assert (reply.parts, reply.stop) == ((Refusal("no"),), e.StopReason.REFUSAL)


def test_citations_belong_to_the_open_text() -> None:
    note = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1}}
    early = chunk({"annotations": [note]})
    stream = (
        early,
        chunk({"content": "a"}),
        chunk({"annotations": [note, {"type": "other"}]}),
        chunk({}, "stop"),
        DONE,
    )
    assert fold(read(*stream)).citations == ((0, e.Citation(url="u", title="t", start=0, end=1)),)


def test_a_drifting_choice_index_is_one_answer() -> None:
    drifted = chunk(choices=[{"index": 1, "delta": {"content": "b"}, "finish_reason": "stop"}])
    assert parts(chunk({"content": "a"}), drifted, DONE) == (Text("ab"),)


@pytest.mark.parametrize(
    "stream",
    [
        (chunk({"content": "a"}), chunk({}, "stop", usage=USAGE), DONE),
        (chunk({"content": "a"}, usage=USAGE), chunk({}, "stop", usage=USAGE), chunk(choices=[], usage=USAGE), DONE),
        (chunk({"content": "a"}), chunk({}, "stop"), chunk({"role": "assistant", "content": ""}, usage=USAGE), DONE),
        (chunk({"content": "a"}, "stop"), USAGE_CHUNK),
        (chunk(choices=[{"delta": {"content": "a"}, "finish_reason": "stop", "usage": USAGE}]), DONE),
        (chunk({"content": "a"}, usage=USAGE), chunk({}, "stop"), DONE),
    ],
)
def test_usage_wherever_it_comes(stream: tuple[bytes, ...]) -> None:
    reply = fold(read(*stream))
    assert reply.usage == Usage(input_tokens=9, output_tokens=3)
    assert reply.parts == (Text("a"),)


def test_the_end_is_held_until_the_usage_has_come() -> None:
    reader = ChatStreamReader()
    assert not any(isinstance(event, e.Finished) for event in reader.feed(chunk({"content": "a"}, "stop")))
    assert reader.feed(b": heartbeat\n\n") == []
    assert isinstance(reader.feed(USAGE_CHUNK)[-1], e.Finished)
    assert reader.feed(DONE) + reader.close() == []


def test_a_stream_without_done_ends_with_its_finish_reason() -> None:
    assert read(chunk({"content": "a"}, "length"), b": heartbeat\n\n")[-1] == e.Finished(stop=e.StopReason.MAX_TOKENS)


def test_done_without_a_finish_reason_is_an_end() -> None:
    assert read(chunk({"content": "a"}), DONE)[-1] == e.Finished(stop=e.StopReason.END_TURN)


@pytest.mark.parametrize(
    "stream", [(), (DONE,), (b": only comments\n\n",), (chunk({"content": "a"}),), (chunk({"content": "a"})[:-9],)]
)
def test_a_cut_stream_has_failed(stream: tuple[bytes, ...]) -> None:
    assert isinstance(read(*stream)[-1], e.Failed)


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"error":{"message":"slow down","code":429}}\n\n',
        b'data: {"id":"x","choices":[],"error":{"message":"slow down","code":"rate_limit_exceeded"}}\n\n',
        b'event: error\ndata: {"message":"slow down","type":"rate_limit_error"}\n\n',
    ],
)
def test_an_error_in_the_stream(event: bytes) -> None:
    events = read(chunk({"content": "a"}), event, chunk({"content": "b"}), DONE)
    assert isinstance(events[-1], e.Failed)
    assert events[-1].error.error_class is ErrorClass.RATE_LIMITED
    assert events[-1].error.message == "slow down"


@pytest.mark.parametrize("event", [b"data: hello\n\n", b"data: [1]\n\n", b'data: {"choices":4}\n\n', b"data: \xff\n\n"])
def test_bytes_that_are_no_chunks(event: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        ChatStreamReader().feed(event)


RICH = b"".join(
    (
        chunk({"role": "assistant", "content": ""}),
        b": ping\r\n\r\n",
        chunk({"reasoning_content": "考え"}),
        chunk({"content": "héllo 世界"}).replace(b"\n", b"\r\n"),
        chunk(tool(0, '{"q":"', "f", id="c")),
        chunk(tool(1, "{}", "g", id="d")),
        chunk(tool(0, '本"}')),
        chunk({}, "tool_calls"),
        USAGE_CHUNK,
        DONE,
    )
)


@given(st.lists(st.integers(0, len(RICH)), max_size=8))
def test_cut_anywhere_the_events_are_the_same(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(RICH)]
    assert read(*(RICH[a:b] for a, b in pairwise(edges))) == read(RICH)


def test_byte_by_byte_the_events_are_the_same() -> None:
    assert read(*(RICH[at : at + 1] for at in range(len(RICH)))) == read(RICH)


_deltas = st.fixed_dictionaries(
    {},
    optional={
        "content": st.sampled_from(["", "a", None]),
        "reasoning_content": st.sampled_from(["", "h", None]),
        "refusal": st.sampled_from(["n", None]),
        "thinking_blocks": st.lists(
            st.sampled_from(
                [
                    {"type": "thinking", "thinking": "x", "signature": "s"},
                    {"type": "redacted_thinking", "data": "d"},
                    {},
                ]
            ),
            max_size=2,
        ),
        "annotations": st.just([{"type": "url_citation", "url_citation": {"url": "u"}}]),
        "tool_calls": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "index": st.sampled_from([0, 1, None]),
                    "id": st.sampled_from(["a", "b"]),
                    "function": st.fixed_dictionaries(
                        {"arguments": st.sampled_from(["", "{", "}", "{}", None])},
                        optional={"name": st.sampled_from(["f", "g"])},
                    ),
                    "custom": st.just({"name": "c", "input": "x"}),
                },
            ),
            max_size=2,
        ),
    },
)
_chunks = st.builds(
    lambda delta, finish, usage: chunk(delta, finish, usage=usage),
    _deltas,
    st.sampled_from([None, None, None, "stop", "tool_calls"]),
    st.sampled_from([None, None, USAGE]),
)


def test_an_end_without_a_beginning_is_a_failure() -> None:
    assert [type(event) for event in read(DONE)] == [e.Failed]


@given(st.lists(_chunks, max_size=8), st.sampled_from([b"", DONE, USAGE_CHUNK]))
def test_any_chunks_give_a_legal_order(chunks: list[bytes], end: bytes) -> None:
    assert isinstance(read(*chunks, end)[-1], e.Finished | e.Failed)


@given(st.lists(st.binary(max_size=30).map(lambda raw: b"data: " + raw + b"\n\n") | st.binary(max_size=30), max_size=5))
def test_any_bytes_are_read_or_refused(pieces: list[bytes]) -> None:
    try:
        events = read(*pieces)
    except UpstreamProtocolError as error:
        told: SekishoError = error
        assert "chat chunk" in told.info.message
        return
    assert isinstance(events[-1], e.Failed)
