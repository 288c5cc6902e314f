from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core import bounds
from sekisho.core.errors import UpstreamProtocolError
from sekisho.wire.sse import SseReader, sse_event

STREAM = (
    b': hello\n\nevent: message_start\ndata: {"a": 1}\n\ndata:{"b":2}\r\n\r\n'
    b"id: 7\nretry: 3\ndata: one\ndata: two\n\nevent: ping\n\ndata: \xe3\x81\x82\n\n"
)
EVENTS = [
    (b"message_start", b'{"a": 1}'),
    (b"", b'{"b":2}'),
    (b"", b"one\ntwo"),
    (b"", "あ".encode()),
]


def read(pieces: list[bytes]) -> list[tuple[bytes, bytes]]:
    reader = SseReader()
    return [event for piece in pieces for event in reader.feed(piece)] + reader.close()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(st.lists(st.integers(0, 10_000), max_size=12))
def test_the_same_events_wherever_the_stream_is_cut(places: list[int]) -> None:
    assert read(cut(STREAM, places)) == EVENTS


def test_one_byte_at_a_time_with_carriage_returns() -> None:
    data = STREAM.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert read([data[i : i + 1] for i in range(len(data))]) == EVENTS


def test_lone_carriage_returns_end_lines_too() -> None:
    assert read([b"data: a\r\rdata: b\r\r"]) == [(b"", b"a"), (b"", b"b")]


@pytest.mark.parametrize("first", [b"data: a\n\n", b"event: x\ndata: a\n\n", b": b\n\n"])
def test_a_byte_order_mark_before_the_first_event_is_passed_over(first: bytes) -> None:
    data = b"\xef\xbb\xbf" + first + b"data: \xef\xbb\xbf\n\n"
    assert read([data]) == read([data[at : at + 1] for at in range(len(data))]) == [*read([first]), (b"", data[-5:-2])]


def test_a_missing_last_blank_line_loses_nothing() -> None:
    assert read([b"data: a\n\ndata: [DONE]\n"]) == [(b"", b"a"), (b"", b"[DONE]")]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    assert all(b"\r" not in name for name, _ in read([data]))


def test_an_event_without_an_end_is_bounded() -> None:
    reader = SseReader()
    piece = b"data: " + b"x" * (1024 * 1024)
    for _ in range(bounds.STREAM_EVENT_BYTES // len(piece) - 1):
        assert reader.feed(piece) == []
    with pytest.raises(UpstreamProtocolError):
        reader.feed(piece * 2)


@given(
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1),
    st.sampled_from(["", "ping"]),
)
def test_what_is_written_is_read_back(text: str, name: str) -> None:
    assert read([sse_event(text.encode(), name)]) == [(name.encode(), text.encode())]
