from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical import events as e
from sekisho.core.errors import ErrorClass, ErrorInfo, UpstreamProtocolError
from sekisho.exchange.passage import Passage, SameDialect, Translated, Unsaid
from sekisho.wire.registry import BY_NAME
from sekisho.wire.sse import SseReader
from tests.support.stations import body_of
from tests.support.wires import (
    DIALECTS,
    USAGE,
    WORDS,
    chat_usage_event,
    counts,
    cut_at,
    error_event,
    events_in,
    is_error,
    stream_events,
    text_of,
)

CROSS = [(provider, caller) for provider in DIALECTS for caller in DIALECTS if provider != caller]
OVERLOADED = ErrorInfo(error_class=ErrorClass.OVERLOADED, message="Full.", status=503)
offsets = st.lists(st.integers(0, 10_000), max_size=12)


def same(dialect: str, *, strip: bool = False) -> SameDialect:
    return SameDialect(BY_NAME[dialect], BY_NAME[dialect].stream_watch(strip), "r1")


def translated(provider: str, caller: str) -> Translated:
    asked = BY_NAME[caller].decode_request(body_of(caller))
    return Translated(BY_NAME[provider], BY_NAME[caller], asked, Unsaid("r1", "routed", 1_700_000_000))


def fed(passage: Passage, pieces: list[bytes]) -> bytes:
    return b"".join([*map(passage.feed, pieces), passage.close()])


@pytest.mark.parametrize("dialect", DIALECTS)
@given(marks=offsets, line=st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_the_same_bytes_come_out_however_they_were_cut_at(dialect: str, marks: list[int], line: bytes) -> None:
    stream = b"".join(stream_events(dialect)).replace(b"\n", line)
    passage = same(dialect)
    assert fed(passage, cut_at(stream, marks)) == stream
    assert (counts(passage.usage), passage.served_model, passage.finished) == (USAGE, "served-model", True)
    assert passage.text_bytes == len("".join(WORDS).encode())


@pytest.mark.parametrize("dialect", DIALECTS)
@given(marks=offsets, line=st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_only_whole_events_are_shown(dialect: str, marks: list[int], line: bytes) -> None:
    events = [event.replace(b"\n", line) for event in stream_events(dialect)]
    whole = {b"".join(events[:count]) for count in range(len(events) + 1)}
    passage, shown = same(dialect), b""
    for piece in cut_at(b"".join(events), marks):
        shown += passage.feed(piece)
        # A CR may be half of a CRLF: where both are one event's end, the LF may come later, alone.
        assert shown in whole or (line == b"\r\n" and shown + b"\n" in whole)
        passage.fail(OVERLOADED)


@given(marks=offsets)
def test_the_usage_event_that_only_the_gateway_asked_for_is_not_shown(marks: list[int]) -> None:
    stream = b"".join(stream_events("openai-chat"))
    passage = same("openai-chat", strip=True)
    assert fed(passage, cut_at(stream, marks)) == stream.replace(chat_usage_event(), b"")
    assert passage.usage == USAGE


def test_a_last_event_may_lack_its_blank_line() -> None:
    stream = b"".join(stream_events("openai-chat"))[:-2]
    assert fed(same("openai-chat"), [stream]) == stream


def test_half_of_a_last_event_is_not_shown() -> None:
    *events, last, _done = stream_events("openai-chat")
    passage = same("openai-chat")
    assert fed(passage, [b"".join(events), last[:40]]) == b"".join(events)
    assert passage.finished
    assert not passage.ended
    whole = [b"".join(events), last.rstrip()]
    assert fed(same("openai-chat"), whole) == b"".join(whole)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_very_long_event_is_passed_on_as_it_comes(dialect: str) -> None:
    passage, piece = same(dialect), b"x" * 50_000
    assert passage.feed(b"data: " + piece) == b""
    assert passage.feed(piece) == b"data: " + piece + piece
    assert passage.mid_event


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_error_is_an_event_of_its_own_also_after_half_of_one(dialect: str) -> None:
    """An error glued to an unfinished line would be part of that line."""
    passage = same(dialect)
    shown = passage.feed(b'data: {"x":"' + b"x" * 100_000)
    shown += passage.fail(OVERLOADED)
    assert len(SseReader().feed(shown)) == 2
    assert is_error(dialect, passage.fail(OVERLOADED).lstrip(b"\n"))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_is_added_to_whole_events(dialect: str) -> None:
    passage = same(dialect)
    passage.feed(stream_events(dialect)[0] + b"data: {half")
    assert not passage.mid_event
    assert is_error(dialect, passage.fail(OVERLOADED))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_the_provider_says_of_its_failure_is_seen(dialect: str) -> None:
    passage = same(dialect)
    assert not passage.begun
    assert passage.feed(error_event(dialect)) == error_event(dialect)
    assert passage.failed is not None
    assert passage.failed.error_class is ErrorClass.OVERLOADED


@pytest.mark.parametrize(("provider", "caller"), CROSS)
@given(marks=offsets)
def test_a_translation_says_the_same_however_it_was_cut_at(provider: str, caller: str, marks: list[int]) -> None:
    stream = b"".join(stream_events(provider))
    passage = translated(provider, caller)
    out = fed(passage, cut_at(stream, marks))
    assert out == fed(translated(provider, caller), [stream])
    assert text_of(caller, out) == "".join(WORDS)
    assert (counts(passage.usage), passage.served_model, passage.finished) == (USAGE, "served-model", True)
    assert passage.text_bytes == len("".join(WORDS).encode())


@pytest.mark.parametrize(("provider", "caller"), CROSS)
def test_a_cut_translation_has_counted_what_it_showed(provider: str, caller: str) -> None:
    stream = b"".join(stream_events(provider))
    for end in range(0, len(stream), 7):
        passage = translated(provider, caller)
        shown = passage.feed(stream[:end])
        assert passage.text_bytes >= len(text_of(caller, shown).encode())
        assert passage.finished or is_error(caller, events_in(shown + passage.fail(OVERLOADED))[-1])


@pytest.mark.parametrize(("provider", "caller"), CROSS)
def test_a_translated_failure_is_said_once(provider: str, caller: str) -> None:
    passage = translated(provider, caller)
    first = stream_events(provider)[0]
    out = fed(passage, [first, error_event(provider)])
    assert passage.failed is not None
    assert passage.failed.error_class is ErrorClass.OVERLOADED
    errors = [event for event in events_in(out) if is_error(caller, event)]
    # Responses says it twice by design: SDKs raise at the first, agents read the second.
    assert len(errors) == (2 if caller == "openai-responses" else 1)


def test_events_out_of_order_are_the_providers_fault() -> None:
    passage = translated("anthropic-messages", "openai-chat")
    with pytest.raises(UpstreamProtocolError):
        passage._write([e.TextDelta(0, "no block, no start")])


def test_an_answer_without_a_time_gets_the_calls() -> None:
    passage = translated("anthropic-messages", "openai-chat")
    assert b'"created":1700000000' in passage.feed(stream_events("anthropic-messages")[0])
