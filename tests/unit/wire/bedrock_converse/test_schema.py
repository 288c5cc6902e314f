from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.bedrock_converse.schema import read_body
from tests.unit.wire.bedrock_converse.samples import status_of, user_blocks, wire_body


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (wire_body(newKey=1), "newKey"),
        (user_blocks({"hologram": {}}), "messages.0.content.0.hologram"),
        (wire_body(inferenceConfig={"seed": 1}), "inferenceConfig.seed"),
        (wire_body(additionalModelRequestFields={"k": 1}), "additionalModelRequestFields.k"),
        (wire_body(toolConfig={"tools": [{"toolSpec": {"name": "a", "inputSchema": {"json": {}}, "x": 1}}]}), "x"),
    ],
)
def test_an_unknown_key_is_refused_by_its_path(body: bytes, param: str) -> None:
    with pytest.raises(UnsupportedFeature) as refused:
        read_body(body)
    assert (refused.value.info.param or "").endswith(param)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "not valid JSON"),
        (b'{"messages":[{"role":"user","content":[{"text":"\xff"}]}]}', "not valid JSON"),
        (b'{"guardrailConfig":' + b"[" * 100_000, "nested too deeply"),
        (b"[]", "Expected `object`, got `array`."),
        (wire_body(messages=[{"role": "user"}]), "messages.0.content: Field required."),
        (wire_body(messages=[{"role": "tool", "content": []}]), "messages.0.role: Invalid value 'tool'."),
        (user_blocks({"text": 5}), "messages.0.content.0.text: Expected"),
        (wire_body(inferenceConfig={"maxTokens": "x"}), "inferenceConfig.maxTokens: Expected"),
    ],
)
def test_what_is_wrong_is_said_with_its_path(body: bytes, message: str) -> None:
    with pytest.raises(MalformedRequest) as wrong:
        read_body(body)
    assert message in wrong.value.info.message


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    assert status_of(lambda: read_body(body)) in (200, 400)
