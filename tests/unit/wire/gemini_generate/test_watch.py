from __future__ import annotations

from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.usage import Usage
from sekisho.core import bounds
from sekisho.core.errors import ErrorClass
from sekisho.wire.gemini_generate.watch import GenerateWatch
from tests.unit.wire.gemini_generate.samples import chunk, stream_of

STREAM = stream_of(
    chunk({"text": "né"}),
    chunk({"functionCall": {"name": "f", "args": {"a": 1}}}),
    chunk({"text": ""}, finish="STOP", usageMetadata={"promptTokenCount": 9, "candidatesTokenCount": 4}),
)


def facts(watch: GenerateWatch) -> tuple[object, ...]:
    return (watch.usage, watch.served_model, watch.events, watch.finished, watch.ended, watch.text_bytes)


@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_bytes_pass_and_are_counted_wherever_they_are_cut(places: list[int]) -> None:
    edges = [0, *sorted(places), len(STREAM)]
    watch = GenerateWatch(True)
    out = [watch.feed(STREAM[start:end]) for start, end in pairwise(edges)]
    assert b"".join(out) + watch.close() == STREAM
    assert facts(watch) == (Usage(input_tokens=9, output_tokens=4), "gemini-x", 3, True, True, 3 + 7)


def test_a_cut_stream_is_not_finished_but_counted() -> None:
    watch = GenerateWatch()
    watch.feed(STREAM[: STREAM.rindex(b"data:")])
    assert facts(watch) == (Usage(input_tokens=10, output_tokens=5), "gemini-x", 2, False, False, 10)


def test_a_blocked_prompt_is_an_end() -> None:
    watch = GenerateWatch()
    watch.feed(stream_of({"promptFeedback": {"blockReason": "SAFETY"}}))
    assert (watch.finished, watch.usage) == (True, None)


def test_an_error_inside_the_stream_is_seen() -> None:
    watch = GenerateWatch()
    watch.feed(stream_of({"error": {"code": 503, "status": "UNAVAILABLE"}}))
    assert watch.failed is not None
    assert watch.failed.error_class is ErrorClass.OVERLOADED


def test_what_cannot_be_read_passes_and_counts() -> None:
    watch = GenerateWatch()
    endless = b"data: " + b"x" * (bounds.STREAM_EVENT_BYTES + 1)
    for wrong in (b"data: {\r\n\r\n", b"data: 3\r\n\r\n", endless, STREAM):
        assert watch.feed(wrong) == wrong
    assert watch.finished
    whole = msgspec.json.encode(chunk({"text": "x"}, finish="STOP"))
    last = GenerateWatch()
    last.feed(b"data: " + whole)
    last.close()
    assert last.finished
