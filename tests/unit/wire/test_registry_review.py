from __future__ import annotations

import re

import pytest

from sekisho.wire.dialect import Dialect
from sekisho.wire.eventstream import CONTENT_TYPE, EventStreamReader, Message, encode_message
from sekisho.wire.registry import DIALECTS
from tests.support.wires import stream_body, whole_body

NAMES = [dialect.name for dialect in DIALECTS]


def less_than_nothing(body: bytes) -> bytes:
    """Every count of tokens in a body, negative."""
    made = re.sub(rb'((?:_tokens|TokenCount|Tokens)":\s*)(\d+)', rb"\1-\2", body)
    assert made != body
    return made


def stream_of_less(dialect: Dialect) -> bytes:
    """A stream that counts less than nothing; an event stream has its checksums made anew."""
    if dialect.stream_type != CONTENT_TYPE:
        return less_than_nothing(stream_body(dialect.name))
    *said, counts = EventStreamReader().feed(stream_body(dialect.name))
    said.append(Message(counts.headers, less_than_nothing(counts.payload)))
    return b"".join(
        encode_message({name: str(value) for name, value in each.headers.items()}, each.payload) for each in said
    )


@pytest.mark.parametrize("dialect", DIALECTS, ids=NAMES)
def test_a_provider_cannot_give_money_back(dialect: Dialect) -> None:
    """A negative count would be booked as a negative cost."""
    name, read_facts, watch = dialect.name, dialect.read_facts, dialect.stream_watch(False)
    watch.feed(stream_of_less(dialect))
    for usage in (read_facts(less_than_nothing(whole_body(name))).usage, watch.usage):
        assert usage is not None
        counts = (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens)
        assert min(*counts, usage.reasoning_tokens, usage.cache_write_1h_tokens) == 0
