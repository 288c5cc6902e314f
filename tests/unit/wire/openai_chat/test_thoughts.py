from __future__ import annotations

from typing import Any

import pytest

from sekisho.canonical.request import Part, RedactedThinking, Text, Thinking
from sekisho.canonical.seal import PREFIX, unseal
from sekisho.wire.openai_chat.thoughts import read_block, read_thoughts, reasoning_text, signed_block, write_blocks

CLAUDES = Thinking(text="a", signature="sig", origin="anthropic")
OPENAIS = Thinking(text="b", signature="enc", origin="openai", item_id="rs_1")
REDACTED = RedactedThinking("dark")


def test_a_signature_survives_the_way_through_a_caller() -> None:
    parts: tuple[Part, ...] = (CLAUDES, OPENAIS, REDACTED, Text("t"))
    assert read_thoughts("ab", write_blocks(parts)) == [CLAUDES, OPENAIS, REDACTED]


def test_claudes_own_signature_is_not_sealed_and_others_are() -> None:
    plain, sealed, redacted = write_blocks((CLAUDES, OPENAIS, REDACTED))
    assert plain == {"type": "thinking", "thinking": "a", "signature": "sig"}
    assert sealed["signature"].startswith(PREFIX)
    assert redacted == {"type": "redacted_thinking", "data": "dark"}


def test_an_unsigned_thought_is_only_text() -> None:
    assert write_blocks((Thinking(text="hm"), Thinking(text="hm", signature=""))) == []
    assert read_thoughts("hm", None) == [Thinking(text="hm")]
    assert read_thoughts("", "nonsense") == []


def test_readable_text_is_kept_beside_blocks_without_any() -> None:
    assert read_thoughts("hm", write_blocks((REDACTED,))) == [Thinking(text="hm"), REDACTED]


@pytest.mark.parametrize(
    "block",
    [{}, {"type": "thinking"}, {"type": "redacted_thinking"}, {"type": "thinking", "thinking": 3, "signature": []}],
)
def test_a_block_that_holds_nothing_is_nothing(block: dict[str, Any]) -> None:
    assert read_block(block) is None


def test_an_unknown_origin_is_carried_in_the_seal() -> None:
    sealed = unseal(signed_block("t", "s", "someone", None)["signature"])
    assert sealed is not None
    assert (sealed.origin, sealed.signature) == ("someone", "s")


@pytest.mark.parametrize(
    ("content", "reasoning", "details", "text"),
    [
        ("a", "b", None, "a"),
        (None, "b", [{"text": "c"}], "b"),
        ("", "", [{"type": "reasoning.text", "text": "c"}, {"type": "reasoning.summary", "summary": "d"}, 3], "cd"),
        ({"odd": 1}, None, "odd", ""),
    ],
)
def test_readable_text_in_the_fields_of_vendors(content: Any, reasoning: Any, details: Any, text: str) -> None:
    assert reasoning_text(content, reasoning, details) == text
