"""The look at server-sent events that pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core import bounds
from sekisho.wire.sse import sse_event
from sekisho.wire.sse_watch import SseWatch, Watched


class Names(SseWatch):
    """Remembers what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[bytes, bytes]] = []

    def _see(self, name: bytes, data: bytes) -> None:
        self.seen.append((name, data))


STREAM = sse_event(b'{"a":1}', "one") + sse_event(b'{"b":2}', "two") + b"data: last"
SEEN = [(b"one", b'{"a":1}'), (b"two", b'{"b":2}'), (b"", b"last")]


@given(st.sets(st.integers(1, len(STREAM) - 1)))
def test_a_stream_cut_anywhere_passes_and_is_seen(cuts: set[int]) -> None:
    watch, out = Names(), b""
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(STREAM)], strict=True):
        out += watch.feed(STREAM[start:end])
    assert (out + watch.close(), watch.seen) == (STREAM, SEEN)


def test_an_event_without_an_end_passes_and_what_follows_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "STREAM_EVENT_BYTES", 50)
    watch, endless = Names(), b"data: " + b"x" * 100
    assert watch.feed(endless) == endless
    watch.feed(b"\n\n" + sse_event(b"{}", "after"))
    assert watch.seen[-1] == (b"after", b"{}")


def test_nothing_is_known_before_anything_was_seen() -> None:
    facts = Watched()
    assert (facts.usage, facts.served_model, facts.failed, facts.events, facts.text_bytes) == (None, None, None, 0, 0)
    assert [facts.finished, facts.ended] == [False, False]
