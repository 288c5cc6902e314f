from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.seal import Sealed, seal
from sekisho.wire.anthropic_messages.foreign import without_foreign_thoughts
from tests.unit.wire.anthropic_messages.samples import status_of

SEAL = seal(Sealed(origin="openai", signature="gAAA", item_id="rs_1"))
OWN = '{"type":"thinking", "thinking":"Hm.","signature":"EqQB"}'
FOREIGN = (
    f'{{"type":"thinking","thinking":"Hm.","signature":"{SEAL}"}}',
    f'{{"type":"redacted_thinking","data":"{SEAL}"}}',
    '{"type":"thinking","thinking":"Hm.","signature" : ""}',
)
TEXT = '{"type":"text",  "text":"a \\u00e9"}'
FIRST = '{"role":"user", "content":"Hi"}'


def body(*messages: str) -> bytes:
    return f'{{"model": "m",\n "messages": [{", ".join(messages)}], "x":1.0}}'.encode()


def told(*blocks: str) -> str:
    return f'{{"content":[{", ".join(blocks)}],"role": "assistant"}}'


@pytest.mark.parametrize("foreign", FOREIGN)
def test_a_foreign_thought_goes_and_every_other_byte_stays(foreign: str) -> None:
    last = told(OWN, TEXT)
    assert (
        without_foreign_thoughts(body(FIRST, told(foreign, OWN, TEXT), FIRST, last))
        == (
            f'{{"model": "m",\n "messages": [{FIRST},'
            f'{{"content":[{OWN},{TEXT}],"role": "assistant"}},{FIRST},{last}], "x":1.0}}'
        ).encode()
    )


def test_a_message_that_held_nothing_else_goes_too() -> None:
    messages = msgspec.json.decode(without_foreign_thoughts(body(FIRST, told(*FOREIGN), FIRST)))["messages"]
    assert [message["role"] for message in messages] == ["user", "user"]


@pytest.mark.parametrize(
    "unchanged",
    [
        body(FIRST, told(OWN, TEXT)),
        body(f'{{"role":"user","content":"what is {SEAL}?"}}'),
        body(told(f'{{"type":"tool_use","id":"t","name":"n","input":{{"signature":"","x":"{SEAL}"}}}}')),
        f'{{"messages":"{SEAL}"}}'.encode(),
        f'{{"system":"{SEAL}"}}'.encode(),
    ],
)
def test_what_only_looks_like_one_stays(unchanged: bytes) -> None:
    assert msgspec.json.decode(without_foreign_thoughts(unchanged)) == msgspec.json.decode(unchanged)


def test_a_body_without_any_is_not_even_copied() -> None:
    whole = body(FIRST, told(OWN, TEXT))
    assert without_foreign_thoughts(whole) is whole


@given(
    st.binary().map(lambda data: data + SEAL.encode())
    | st.lists(st.sampled_from([*FOREIGN, "1", '""', "{}"])).map(lambda blocks: body(told(*blocks), *blocks))
)
def test_any_bytes_pass_or_are_refused(data: bytes) -> None:
    assert status_of(lambda: without_foreign_thoughts(data)) in {200, 400}
