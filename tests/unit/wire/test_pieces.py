from __future__ import annotations

import json
from typing import Any

import pytest

from sekisho.core.bounds import PIECES
from sekisho.core.errors import MalformedRequest
from sekisho.wire.pieces import check_pieces

#: Of each dialect: one piece of a request that has many.
MANY: dict[str, Any] = {
    "message": {"role": "user", "content": ""},
    "part": {"type": "text", "text": ""},
    "part of Bedrock or Google": {"text": ""},
    "call of Google": {"functionCall": {"name": "f"}},
    "call of OpenAI": {"function": {"name": "f"}},
    "item": {"type": "item_reference"},
}


def body(piece: Any, count: int, **dumps: Any) -> bytes:
    return json.dumps({"messages": [piece] * count}, **dumps).encode()


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (",", " \t: ")], ids=["tight", "usual", "odd"])
@pytest.mark.parametrize("kind", MANY)
def test_too_many_pieces_are_refused_and_as_many_as_may_be_are_not(kind: str, separators: tuple[str, str]) -> None:
    check_pieces(body(MANY[kind], PIECES, separators=separators))
    with pytest.raises(MalformedRequest, match=r"messages: .* more than 20,000 messages"):
        check_pieces(body(MANY[kind], PIECES + 1, separators=separators))


def test_messages_and_parts_count_together() -> None:
    message = {"role": "user", "content": [{"type": "text", "text": ""}]}
    check_pieces(body(message, PIECES // 2))
    with pytest.raises(MalformedRequest):
        check_pieces(body(message, PIECES // 2 + 1))


def test_what_a_text_quotes_does_not_count() -> None:
    check_pieces(body({"role": "user", "content": json.dumps([MANY["part"]] * PIECES * 2)}, 1))
    check_pieces(body({"role": "user", "content": ["role"] * PIECES * 2}, 1))
