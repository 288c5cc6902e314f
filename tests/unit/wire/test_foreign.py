from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.wire.foreign import Unwanted, without_blocks
from tests.unit.wire.anthropic_messages.samples import status_of

#: The numbers above nine have to go.
BIG = Unwanted(lambda body: b"1" in body, lambda block: bytes(block).isdigit() and int(bytes(block)) > 9)


def test_every_other_byte_stays() -> None:
    body = b'{ "a": 1, "messages": [{"content":[ 1, 11 ,2]},{"content" : [ 1 ]} , "1"], "z":1.0}'
    assert without_blocks(body, BIG) == b'{ "a": 1, "messages": [{"content":[1,2]},{"content" : [ 1 ]},"1"], "z":1.0}'


def test_a_message_that_held_nothing_else_goes() -> None:
    assert (
        without_blocks(b'{"messages":[{"content":[11,12]},{"content":"11"}]}', BIG)
        == b'{"messages":[{"content":"11"}]}'
    )


@pytest.mark.parametrize("body", [b'{"messages":[ {"content":[ 1 ]} ]}', b'{"x":[11]}', b'{"messages":"11"}'])
def test_a_body_without_any_is_the_same_object(body: bytes) -> None:
    assert without_blocks(body, BIG) is body


@given(st.recursive(st.integers(0, 20) | st.just("1"), lambda inner: st.lists(inner, max_size=3), max_leaves=8))
def test_any_body_passes_or_is_refused(contents: object) -> None:
    body = msgspec.json.encode({"messages": [{"content": contents}, contents]})
    assert status_of(lambda: without_blocks(body, BIG)) == 200
    assert status_of(lambda: without_blocks(body[:-1], BIG)) in (200, 400)
