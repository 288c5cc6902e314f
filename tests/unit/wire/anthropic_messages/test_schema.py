from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core.errors import CallerError, MalformedRequest, UnsupportedFeature
from sekisho.wire.anthropic_messages.schema import REFUSED, TUNING, Body, read_body
from tests.unit.wire.anthropic_messages.samples import status_of, user_blocks, wire_body

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (wire_body(model=...), "model"),
        (wire_body(max_tokens=...), "max_tokens"),
        (wire_body(messages=...), "messages"),
        (wire_body(messages="Hi"), "messages"),
        (wire_body(temperature="hot"), "temperature"),
        (wire_body(messages=[{"role": "user"}]), "messages.0.content"),
        (wire_body(messages=[{"role": "tool", "content": "x"}]), "messages.0.role"),
        (user_blocks({"type": "text", "text": 5}), "messages.0.content.0.text"),
        (user_blocks({"type": "text"}), "messages.0.content.0.text"),
        (user_blocks({"text": "no type"}), "messages.0.content.0.type"),
        (user_blocks({"type": 7}), "messages.0.content.0.type"),
        (wire_body(thinking={"type": "enabled"}), "thinking.budget_tokens"),
        (wire_body(tools=[{"name": "t", "input_schema": []}]), "tools.0.input_schema"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(body: bytes, param: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read_body(body)
    assert caught.value.info.param == param
    assert str(caught.value).startswith(f"{param}: ")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (wire_body(colour="blue"), "colour"),
        (user_blocks({"type": "server_tool_use", "id": "s"}), "messages.0.content.0.type"),
        (
            user_blocks({"type": "image", "source": {"type": "file", "file_id": "f"}}),
            "messages.0.content.0.source.type",
        ),
        (wire_body(thinking={"type": "between_tools"}), "thinking.type"),
    ],
)
def test_what_is_unknown_is_refused_by_name(body: bytes, param: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        read_body(body)
    assert caught.value.info.param == param


def test_the_kind_of_an_unknown_block_is_told() -> None:
    with pytest.raises(UnsupportedFeature, match="server_tool_use"):
        read_body(user_blocks({"type": "server_tool_use"}))


@pytest.mark.parametrize("secret", ["my secret prompt", "x'y z", "秘密の 文"])
def test_the_callers_words_are_not_repeated(secret: str) -> None:
    for body in (user_blocks({"type": secret}), wire_body(**{secret: 1}), wire_body(tool_choice={"type": secret})):
        with pytest.raises(CallerError) as caught:
            read_body(body)
        assert secret not in caught.value.info.message


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'"x"', b"[" * 100_000, b'{"model":"\\ud800"}'])
def test_bytes_that_are_no_request(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read_body(body)


@given(st.binary() | JSON.map(msgspec.json.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    assert status_of(lambda: read_body(body)) in {200, 400}


@given(st.sampled_from(list(Body.__struct_fields__)), JSON)
def test_any_value_of_a_known_key_is_read_or_refused(key: str, value: Any) -> None:
    assert status_of(lambda: read_body(wire_body(**{key: value}))) in {200, 400}


def test_every_listed_key_is_a_field() -> None:
    assert set(TUNING) | set(REFUSED) <= set(Body.__struct_fields__)
