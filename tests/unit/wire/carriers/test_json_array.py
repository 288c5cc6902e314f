from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core import bounds
from sekisho.core.errors import ErrorClass, ErrorInfo, UpstreamProtocolError
from sekisho.wire.anthropic_messages import DIALECT
from sekisho.wire.carriers.json_array import FromArray, ToArray, as_array, whole_items
from sekisho.wire.sse import SseReader, sse_event
from tests.support.wires import cut_at

ITEMS = st.lists(
    st.dictionaries(st.text(max_size=4), st.text(max_size=6) | st.integers(0, 9) | st.just({"a": ['}"{', "\\"]})),
    max_size=4,
)
MARKS = st.lists(st.integers(0, 10_000), max_size=8)


def stream_of(items: list[Any]) -> bytes:
    return b"".join(sse_event(msgspec.json.encode(item)) for item in items)


def passed(reframe: ToArray | FromArray, chunks: list[bytes]) -> bytes:
    return b"".join(reframe.feed(chunk) for chunk in chunks) + reframe.close()


@given(items=ITEMS, marks=MARKS)
def test_events_become_an_array_and_back_wherever_they_are_cut(items: list[Any], marks: list[int]) -> None:
    stream = stream_of(items)
    array = passed(ToArray(), cut_at(stream, marks) if stream else [])
    assert json.loads(array) == items
    assert passed(FromArray(), cut_at(array, marks)) == stream


@given(items=ITEMS, marks=MARKS, indent=st.sampled_from([None, 2]))
def test_a_provider_may_lay_out_its_array_as_it_likes(items: list[Any], marks: list[int], indent: int | None) -> None:
    array = json.dumps(items, indent=indent).encode()
    reader = SseReader()
    events = reader.feed(passed(FromArray(), cut_at(array, marks)))
    assert [json.loads(data) for _, data in events] == items


def test_each_item_leaves_with_its_event() -> None:
    to_array = ToArray()
    assert to_array.feed(b'data: {"a":1}\r\n\r\nda') == b'[{"a":1}'
    assert to_array.feed(b'ta: {"b":2}\r\n\r\n') == b',\r\n{"b":2}'
    assert (to_array.close(), to_array.close()) == (b"\r\n]", b"")


@given(items=ITEMS, at=st.integers(0, 10_000))
def test_whole_items_are_found(items: list[Any], at: int) -> None:
    array = passed(ToArray(), [stream_of(items)])
    assert whole_items(array) == (len(array) if items else 2)
    begun = array[: at % len(array)]
    whole = begun[: whole_items(begun)]
    assert array.startswith(whole)
    done = json.loads(whole.rstrip(b"\r\n]") + b"]") if whole else []
    assert done == items[: len(done)]
    assert len(begun) - len(whole) <= max((len(msgspec.json.encode(item)) + 3 for item in items), default=2)


@pytest.mark.parametrize("stream", [b"<html>", b'"text"', b"[1]"])
def test_what_is_no_array_of_objects_is_refused(stream: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        passed(FromArray(), [stream])
    with pytest.raises(UpstreamProtocolError):
        whole_items(stream)


def test_what_follows_whole_items_is_looked_at_when_they_are_gone() -> None:
    with pytest.raises(UpstreamProtocolError):
        passed(FromArray(), [b'[{"a":1},2]'])
    assert whole_items(b'[{"a":1},2]') == len(b'[{"a":1}')
    with pytest.raises(UpstreamProtocolError):
        whole_items(b",2]")


def test_an_item_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "STREAM_EVENT_BYTES", 20)
    assert FromArray().feed(b'[{"a":1},{"a":2},{"a":3},{"a":4}]')
    with pytest.raises(UpstreamProtocolError):
        FromArray().feed(b'[{"a":"' + b"x" * 20)


def test_half_an_item_is_none() -> None:
    assert passed(FromArray(), [b'[{"a":1}, {"b":']) == b'data: {"a":1}\n\n'


def test_an_error_is_the_last_item() -> None:
    error = ErrorInfo(error_class=ErrorClass.OVERLOADED, message="Busy", status=529)
    dialect = as_array(DIALECT)
    array = b'[{"a":1}' + dialect.render_error_event(error, "r1")
    assert json.loads(array)[1]["error"]["message"] == "Busy"
    assert dialect.stream_type == "application/json"
    assert (dialect.name, dialect.shape) == ("anthropic-messages@array", "anthropic-messages")
