from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical.seal import Sealed, seal
from sekisho.core.errors import ErrorClass, ErrorInfo
from sekisho.wire.bedrock_converse import DIALECT
from sekisho.wire.bedrock_converse.media import sealed_content
from tests.unit.wire.bedrock_converse.samples import user_blocks

SEAL = seal(Sealed(origin="openai", signature="gAAA"))
INVALID = ErrorInfo(error_class=ErrorClass.INVALID_REQUEST, message="Invalid `signature` in thinking", status=400)
OTHER = ErrorInfo(error_class=ErrorClass.INVALID_REQUEST, message="Too many documents", status=400)
TEXT: dict[str, Any] = {"text": "a"}
OWN: dict[str, Any] = {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "EqQB"}}}


@pytest.mark.parametrize(
    "foreign",
    [
        {"reasoningText": {"text": "Hm.", "signature": SEAL}},
        {"reasoningText": {"text": "Hm."}},
        {"redactedContent": sealed_content(SEAL)},
    ],
)
def test_a_foreign_thought_goes_when_it_was_refused(foreign: dict[str, Any]) -> None:
    body = user_blocks(OWN, {"reasoningContent": foreign}, TEXT)
    assert DIALECT.mend(body, INVALID) == user_blocks(OWN, TEXT)
    assert DIALECT.mend(body, OTHER) is None


@pytest.mark.parametrize(
    "block",
    [OWN, TEXT, {"reasoningContent": {"redactedContent": "EmwK"}}, {"reasoningContent": {}}, {"reasoningContent": 1}],
)
def test_what_is_none_stays(block: dict[str, Any]) -> None:
    assert DIALECT.mend(user_blocks(block, TEXT), INVALID) is None


def test_only_that_message_changes() -> None:
    foreign = {"reasoningContent": {"reasoningText": {"text": "Hm."}}}
    body = (
        b'{"messages": [ {"role":"user", "content":[{"text":"a"}]},'
        + msgspec.json.encode({"content": [foreign, TEXT]})
        + b"]}"
    )
    assert DIALECT.mend(body, INVALID) == (
        b'{"messages": [{"role":"user", "content":[{"text":"a"}]},{"content":[{"text":"a"}]}]}'
    )
