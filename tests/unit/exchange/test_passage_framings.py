"""Streams of other framings than server-sent events: AWS messages, and a JSON array."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core import bounds
from sekisho.core.errors import ErrorClass, ErrorInfo, UpstreamProtocolError
from sekisho.exchange.passage import Passage, Reframed, SameDialect
from sekisho.wire.eventstream import EventStreamReader, encode_message
from sekisho.wire.registry import BY_NAME
from tests.support.wires import USAGE, WORDS, counts, cut_at, stream_events

OVERLOADED = ErrorInfo(error_class=ErrorClass.OVERLOADED, message="Full.", status=503)
offsets = st.lists(st.integers(0, 10_000), max_size=12)


def wrapped(name: str) -> list[bytes]:
    """The usual stream in the framing of `name`, event by event."""
    dialect = BY_NAME[name]
    wrap = dialect.carrier.wrap()
    pieces = [wrap.feed(event) for event in stream_events(dialect.shape or name)]
    return [*pieces[:-1], pieces[-1] + wrap.close()]


def messages(stream: bytes) -> list[Any]:
    """What AWS messages say: JSON, and the name of an exception. Fails on half a message."""
    reader = EventStreamReader()
    said = [
        message.header(":exception-type") or msgspec.json.decode(message.payload) for message in reader.feed(stream)
    ]
    assert not reader.mid_message
    return said


def items(stream: bytes) -> list[Any]:
    """The items of an array, which may lack its end."""
    whole: list[Any] = json.loads(stream if stream.rstrip().endswith(b"]") else stream + b"]")
    return whole


def same(name: str) -> SameDialect:
    return SameDialect(BY_NAME[name], BY_NAME[name].stream_watch(False), "r1")


def reframed(provider: str, caller: str) -> Reframed:
    shape = BY_NAME[BY_NAME[provider].shape or provider]
    return Reframed(BY_NAME[provider], BY_NAME[caller], SameDialect(shape, shape.stream_watch(False), "r1"), "r1")


READ: dict[str, Callable[[bytes], list[Any]]] = {
    "bedrock-converse": messages,
    "anthropic-messages@bedrock": messages,
    "openai-chat@bedrock": messages,
    "gemini-generate@array": items,
}
FRAMED = pytest.mark.parametrize("name", READ)
AWS = pytest.mark.parametrize("name", [name for name, read in READ.items() if read is messages])
#: Those whose provider and caller share a body but not a framing, both ways.
REFRAMED = pytest.mark.parametrize(
    ("provider", "caller"),
    [
        ("anthropic-messages@bedrock", "anthropic-messages"),
        ("anthropic-messages", "anthropic-messages@bedrock"),
        ("anthropic-messages@vertex", "anthropic-messages@bedrock"),
        ("gemini-generate", "gemini-generate@array"),
    ],
)


@FRAMED
@given(marks=offsets)
def test_the_same_bytes_come_out_and_only_whole_events_are_shown(name: str, marks: list[int]) -> None:
    events = wrapped(name)
    prefixes = set(accumulate(events, initial=b""))
    passage, shown = same(name), b""
    for piece in cut_at(b"".join(events), marks):
        shown += passage.feed(piece)
        # What separates two items of an array goes with the second, and its end with the last.
        assert shown in prefixes or (name.endswith("@array") and shown + b"\r\n]" in prefixes)
        assert not passage.mid_event
    assert shown + passage.close() == b"".join(events)
    assert (counts(passage.usage), passage.finished) == (USAGE, True)
    assert passage.text_bytes == len("".join(WORDS).encode())


def cut_off(passage: Passage, stream: bytes) -> bytes:
    """What a caller sees of a stream that ends too soon, without and with the word that it did."""
    return passage.feed(stream) + passage.close()


@FRAMED
def test_half_an_event_is_never_shown_wherever_a_provider_is_cut(name: str) -> None:
    events, read = wrapped(name), READ[name]
    prefixes = [read(shown) for shown in accumulate(events) if shown]
    for end in range(len(events[0]), len(b"".join(events))):
        passage = same(name)
        shown = cut_off(passage, b"".join(events)[:end])
        assert read(shown) in prefixes
        if not passage.finished:
            assert len(read(shown + passage.fail(OVERLOADED))) == len(read(shown)) + 1


@REFRAMED
def test_a_cut_is_said_in_the_callers_framing(provider: str, caller: str) -> None:
    events = wrapped(provider)
    stream = b"".join(events)
    for end in range(len(b"".join(events[:3])), len(stream)):
        passage = reframed(provider, caller)
        shown = cut_off(passage, stream[:end])
        read = READ.get(caller)
        if read is None:
            assert shown.endswith(b"\n\n")
        elif not passage.finished:
            assert len(read(shown + passage.fail(OVERLOADED))) == len(read(shown)) + 1


@AWS
def test_a_long_message_is_held_until_it_is_whole(name: str) -> None:
    """Half of one would swallow what is said behind it."""
    long = encode_message({":event-type": "chunk"}, b'{"bytes":"%b"}' % (b"YWFh" * 50_000))
    passage = same(name)
    assert passage.feed(long[:150_000]) == b""
    assert not passage.mid_event
    assert messages(passage.fail(OVERLOADED)) == ["serviceUnavailableException"]
    assert passage.feed(long[150_000:]) == long


@FRAMED
def test_an_event_without_an_end_is_the_providers_fault(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "STREAM_EVENT_BYTES", 100)
    whole = encode_message({}, b"x" * 300) if READ[name] is messages else b'[{"text":"' + b"x" * 300
    with pytest.raises(UpstreamProtocolError):
        same(name).feed(whole[:200])


@FRAMED
def test_what_is_no_event_behind_whole_ones_fails_the_stream(name: str) -> None:
    """A caller who saw a clean end instead would take half an answer for a whole one."""
    events = wrapped(name)[:3]
    passage = same(name)
    assert passage.feed(b"".join(events) + b"<html>no such thing</html>") == b"".join(events)
    with pytest.raises(UpstreamProtocolError):
        passage.close()
    assert len(READ[name](b"".join(events) + passage.fail(OVERLOADED))) == len(READ[name](b"".join(events))) + 1
