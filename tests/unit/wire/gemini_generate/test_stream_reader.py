from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical import events as e
from sekisho.core.errors import UpstreamProtocolError
from sekisho.wire.gemini_generate.stream_reader import GenerateReader
from tests.unit.wire.gemini_generate.samples import chunk, read, status_of, stream_of

STREAM = stream_of(
    chunk({"text": "wh\u00ff", "thought": True}),
    chunk({"text": "日本"}),
    chunk({"functionCall": {"name": "f", "args": {"é": 1}}, "thoughtSignature": "c2ln"}),
    chunk({"text": ""}, finish="STOP"),
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_a_cut_anywhere_gives_the_same_events(places: list[int]) -> None:
    edges = [0, *sorted(places), len(STREAM)]
    assert read(*(STREAM[start:end] for start, end in pairwise(edges))) == read(STREAM)


def test_every_byte_alone() -> None:
    assert read(*(STREAM[at : at + 1] for at in range(len(STREAM)))) == read(STREAM)
    assert read(STREAM.replace(b"\r\n", b"\n").rstrip()) == read(STREAM)


@pytest.mark.parametrize("cut", [0, 30, len(STREAM) // 2, STREAM.rindex(b"data:")])
def test_an_early_end_is_a_failure(cut: int) -> None:
    whole = STREAM[: STREAM.rindex(b"data:", 0, max(cut, 1)) if cut > 30 else 0]
    assert isinstance(read(whole)[-1], e.Failed)


def test_what_is_no_chunk_is_an_error() -> None:
    for wrong in (b"data: {\r\n\r\n", b"data: 3\r\n\r\n", b'data: {"candidates": 1}\r\n\r\n'):
        with pytest.raises(UpstreamProtocolError):
            GenerateReader().feed(wrong)


@given(st.binary(max_size=60))
def test_any_bytes_are_events_or_a_protocol_error(data: bytes) -> None:
    assert status_of(lambda: read(b"data: " + data + b"\n\n")) in (200, 502)
