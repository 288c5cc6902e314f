from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.request import Part, Text, Thinking, ToolCall
from sekisho.wire.openai_chat.google import placed, read_signature, signatures, write_signature

CALLS = tuple(ToolCall(id=name, name="f", arguments="{}") for name in "abc")
SAID = Text("Let me see.")


def signed(signature: str, text: str = "") -> Thinking:
    return Thinking(text=text, signature=signature, origin="gemini")


def test_a_signature_is_read_as_it_was_written() -> None:
    assert read_signature(write_signature("AVSoXO4/lu==")) == signed("AVSoXO4/lu==")


@pytest.mark.parametrize(
    "extra",
    [None, "x", {}, {"google": None}, {"google": {}}, {"google": {"thought_signature": ""}}, {"openai": {}}],
    ids=["none", "text", "empty", "null", "nothing", "blank", "another's"],
)
def test_what_holds_no_signature_is_none(extra: Any) -> None:
    assert read_signature(extra) is None


def test_each_signature_stands_before_what_it_came_with() -> None:
    first, second, third = CALLS
    calls = [(first, write_signature("s1")), (second, None), (third, write_signature("s3"))]
    thoughts = [Thinking(text="hm")]
    assert placed(thoughts, [SAID], calls, write_signature("s0")) == [
        *thoughts,
        signed("s0"),
        SAID,
        signed("s1"),
        first,
        second,
        signed("s3"),
        third,
    ]


def test_a_signature_that_is_told_twice_stands_once() -> None:
    calls = [(CALLS[0], write_signature("s"))]
    assert placed([signed("s")], [], calls, write_signature("s")) == [signed("s"), CALLS[0]]


def test_of_two_together_the_nearer_counts_and_the_last_may_end_the_message() -> None:
    parts: list[Part] = [
        signed("old"),
        signed("new"),
        CALLS[0],
        Thinking(text="", signature="x", origin="openai"),
        SAID,
        signed("end"),
    ]
    assert signatures(parts) == {2: "new", 6: "end"}


@given(st.lists(st.none() | st.text(min_size=1, max_size=5), max_size=4))
def test_what_is_placed_is_found_again(written: list[str | None]) -> None:
    calls = [ToolCall(id=f"c{number}", name="f", arguments="{}") for number in range(len(written))]
    extras = [None if signature is None else write_signature(signature) for signature in written]
    parts: list[Part] = placed([], [SAID], list(zip(calls, extras, strict=True)), None)
    found = signatures(parts)
    assert [found.get(parts.index(call)) for call in calls] == written
