from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.wire.carriers.cache_scope import without_cache_scope

MARK = {"type": "ephemeral", "scope": "global", "ttl": "1h"}
PLAIN_MARK = {"type": "ephemeral", "ttl": "1h"}


def body_with(mark: dict[str, str]) -> dict[str, Any]:
    """A mark wherever one may stand."""
    text = {"type": "text", "text": 'the "scope" of "cache_control"', "cache_control": mark}
    own = {"cache_control": {"scope": "mine"}}
    return {
        "cache_control": mark,
        "system": [text],
        "tools": [
            {"name": "t", "input_schema": {"type": "object", "properties": own}, "cache_control": mark},
            {"name": "u", "input_schema": {"properties": {"content": [{"cache_control": {"scope": 1}}]}}},
        ],
        "messages": [
            {"role": "user", "content": "plain"},
            {"role": "user", "content": [text, {"type": "tool_result", "content": [text], "cache_control": mark}]},
            {"role": "assistant", "content": [{"type": "tool_use", "input": own, "cache_control": mark}]},
        ],
        "metadata": own,
    }


@pytest.mark.parametrize("indent", [None, 1])
def test_the_scope_of_every_mark_goes_and_nothing_else(indent: int | None) -> None:
    body = json.dumps(body_with(MARK), indent=indent).encode()
    cleaned = without_cache_scope(body)
    assert json.loads(cleaned) == body_with(PLAIN_MARK)
    if indent is None:
        assert cleaned == json.dumps(body_with(PLAIN_MARK)).encode()


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[{"content":"scope"}]}',
        b'{"system":[{"cache_control":{"type":"ephemeral"}}]}',
        b'[{"cache_control":{"scope":1}}]',
        b'{"cache_control":null,"x":"\\"scope\\""}',
        b'{"a":1,"a":2,"cache_control":{"scope":1}}',
        b'{"messages":[1,{"cache_control":"scope"}],"z":{"scope":1}}',
    ],
)
def test_a_body_without_one_is_the_same(body: bytes) -> None:
    assert without_cache_scope(body) == body


@given(st.binary(max_size=40), st.integers(0, 60))
def test_any_bytes_come_back(noise: bytes, at: int) -> None:
    body = b'{"messages":[{"cache_control":{"scope":"g"}}]}'
    broken = body[: at % len(body)] + noise + body[at % len(body) :]
    cleaned = without_cache_scope(broken)
    assert len(cleaned) <= len(broken)
