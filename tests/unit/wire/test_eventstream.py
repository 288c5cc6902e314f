from __future__ import annotations

import itertools
import struct
import uuid
from binascii import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core import bounds
from sekisho.core.errors import UpstreamProtocolError
from sekisho.wire.eventstream import EventStreamReader, Message, encode_message, whole_messages

MESSAGES = st.lists(
    st.tuples(
        st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=40), max_size=4), st.binary(max_size=200)
    ),
    max_size=5,
)
STREAM = encode_message({":event-type": "chunk", ":content-type": "application/json"}, b'{"a":1}') * 2


def read(pieces: list[bytes]) -> list[Message]:
    reader = EventStreamReader()
    return [message for piece in pieces for message in reader.feed(piece)]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def framed(headers: bytes, payload: bytes = b"", *, total_bytes: int | None = None) -> bytes:
    """A message with any bytes as headers and right checksums."""
    total = 16 + len(headers) + len(payload) if total_bytes is None else total_bytes
    lengths = struct.pack(">II", total, len(headers))
    body = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    return body + struct.pack(">I", crc32(body))


@given(MESSAGES, st.lists(st.integers(0, 10_000), max_size=12))
def test_what_is_written_is_read_wherever_it_is_cut(
    said: list[tuple[dict[str, str], bytes]], places: list[int]
) -> None:
    data = b"".join(encode_message(headers, payload) for headers, payload in said)
    assert [(message.headers, message.payload) for message in read(cut(data, places))] == said


@given(MESSAGES)
def test_botocore_reads_what_is_written(said: list[tuple[dict[str, str], bytes]]) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(encode_message(headers, payload) for headers, payload in said))
    events: list[object] = [(event.headers, event.payload) for event in buffer]
    assert events == said


def test_one_byte_at_a_time() -> None:
    reader = EventStreamReader()
    seen = [(len(reader.feed(STREAM[at : at + 1])), reader.mid_message) for at in range(len(STREAM))]
    half = len(STREAM) // 2
    assert [at for at, (count, _) in enumerate(seen, 1) if count] == [half, 2 * half]
    assert [at for at, (_, mid) in enumerate(seen, 1) if not mid] == [half, 2 * half]


#: A name of one letter, the type, the value; and what it means.
HEADERS = [
    (b"\x01a\x00", True),
    (b"\x01a\x01", False),
    (b"\x01a\x02\xff", -1),
    (b"\x01a\x03\x80\x00", -32768),
    (b"\x01a\x04\x00\x00\x00\x07", 7),
    (b"\x01a\x05\xff\xff\xff\xff\xff\xff\xff\xfe", -2),
    (b"\x01a\x06\x00\x02\x00\xff", b"\x00\xff"),
    (b"\x01a\x07\x00\x03\xe3\x81\x82", "あ"),
    (b"\x01a\x08\x00\x00\x01\x8b\xcf\xe5\x68\x00", 1_700_000_000_000),
    (b"\x01a\x09" + bytes(range(16)), uuid.UUID(bytes=bytes(range(16)))),
]


@pytest.mark.parametrize(("header", "value"), HEADERS, ids=[str(header[2]) for header, _ in HEADERS])
def test_headers_of_every_type(header: bytes, value: object) -> None:
    (message,) = read([framed(header + b"\x01z\x07\x00\x02ok")])
    assert message.headers == {"a": value, "z": "ok"}
    assert type(message.headers["a"]) is type(value)
    assert message.header("z") == "ok"
    assert message.header("a") == (value if isinstance(value, str) else "")


@pytest.mark.parametrize(
    "headers",
    [b"\x05a", b"\x01a", b"\x01a\x0a", b"\x01a\x07\x00", b"\x01a\x07\x00\x05abc", b"\x01a\x09abc", b"\x01\xff\x00"],
)
def test_a_header_that_cannot_be_read_is_refused(headers: bytes) -> None:
    with pytest.raises(UpstreamProtocolError, match="header"):
        read([framed(headers)])


@given(st.integers(0, len(STREAM) // 2 - 1), st.integers(1, 255))
def test_a_wrong_byte_is_noticed_wherever_it_stands(at: int, change: int) -> None:
    broken = bytearray(STREAM)
    broken[at] ^= change
    with pytest.raises(UpstreamProtocolError):
        read([bytes(broken)])


@given(st.integers(len(STREAM) // 2, len(STREAM) - 1), st.integers(1, 255), st.lists(st.integers(0, 1000), max_size=5))
def test_what_comes_before_a_wrong_byte_counts_wherever_the_stream_is_cut(
    at: int, change: int, places: list[int]
) -> None:
    broken = bytearray(STREAM)
    broken[at] ^= change
    reader, seen = EventStreamReader(), 0
    try:
        for piece in cut(bytes(broken), places):
            seen += len(reader.feed(piece))
    except UpstreamProtocolError:
        pass
    else:
        assert reader.mid_message
        with pytest.raises(UpstreamProtocolError):
            reader.feed(b"\0" * len(STREAM))
    assert seen == 1


@pytest.mark.parametrize(
    ("total_bytes", "headers"), [(15, b""), (0, b""), (20, b"\x01a\x00" * 3), (bounds.STREAM_EVENT_BYTES + 1, b"")]
)
def test_impossible_lengths_are_refused_by_the_prelude(total_bytes: int, headers: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        read([framed(headers, total_bytes=total_bytes)[:12]])
    with pytest.raises(UpstreamProtocolError):
        whole_messages(framed(headers, total_bytes=total_bytes))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        seen = len(read([data]))
    except UpstreamProtocolError:
        with pytest.raises(UpstreamProtocolError):
            whole_messages(data)
    else:
        assert (whole_messages(data) > 0) == (seen > 0)


@given(st.integers(0, len(STREAM)))
def test_whole_messages_are_told_from_the_half_one_behind_them(length: int) -> None:
    assert whole_messages(STREAM[:length]) == length // (len(STREAM) // 2) * (len(STREAM) // 2)
    assert whole_messages(STREAM + b"\xff" * 20) == len(STREAM)
