from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from sekisho.wire.openai_chat.watch import ChatWatch
from sekisho.wire.sse import SseReader

PIECE_BYTES = 16 * 1024


def cpu_seconds(feed: Callable[[bytes], Any], size_bytes: int) -> float:
    """The time to read one event of so many bytes, in pieces as they come off a socket."""
    event = b'data: {"choices":[],"x":"' + b"x" * size_bytes + b'"}\n\n'
    began = time.thread_time()
    for start in range(0, len(event), PIECE_BYTES):
        feed(event[start : start + PIECE_BYTES])
    return time.thread_time() - began


@pytest.mark.parametrize("make", [SseReader, lambda: ChatWatch(True), lambda: ChatWatch(False)])
def test_an_event_of_megabytes_costs_its_length_not_its_square(make: Callable[[], Any]) -> None:
    """An image in an event. Joined anew with each piece, 12 MB would take seconds in which all streams stand still."""
    reader = make()
    assert cpu_seconds(reader.feed, 12 * 1024 * 1024) < 1.0


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
@pytest.mark.parametrize("strip", [True, False])
def test_a_long_event_in_pieces_is_one_event(end: bytes, *, strip: bool) -> None:
    events = [b'data: {"choices":[],"usage":{"prompt_tokens":1},"x":"%b"}' % (b"x" * 500), b"data: {}"]
    stream = end.join(events) + end
    for size in (1, 2, 3, 7, 100):
        pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
        reader, watch = SseReader(), ChatWatch(strip)
        assert [data for piece in pieces for _, data in reader.feed(piece)] + [data for _, data in reader.close()] == [
            event[6:] for event in events
        ]
        passed = b"".join(map(watch.feed, pieces)) + watch.close()
        assert (watch.events, watch.usage is not None) == (2, True)
        assert passed == (events[1] + end if strip else stream)
