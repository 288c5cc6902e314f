from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core.errors import CallerError
from sekisho.wire.counters import COUNTERS
from sekisho.wire.counting import Prompt
from sekisho.wire.registry import BY_NAME


@pytest.mark.parametrize("name", sorted(COUNTERS))
def test_what_a_dialect_tells_it_can_read(name: str) -> None:
    counting = COUNTERS[name]
    reader = COUNTERS["anthropic-messages"] if name == "anthropic-messages@bedrock" else counting
    assert reader.read(counting.told(42)) == 42


@pytest.mark.parametrize("name", sorted(COUNTERS))
def test_every_counter_is_of_a_dialect(name: str) -> None:
    assert name in BY_NAME


@given(st.sampled_from(sorted(COUNTERS)), st.binary() | st.sampled_from([b"{}", b'{"input":{}}', b"[]", b"null"]))
def test_any_bytes_open_or_are_the_callers_fault(name: str, body: bytes) -> None:
    try:
        opened: Prompt | None = COUNTERS[name].opened(body)
    except CallerError:
        opened = None
    assert opened is None or opened.dialect in BY_NAME
