from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.gemini_generate.schema import read_body
from tests.unit.wire.gemini_generate.samples import HI, status_of, wire_body


def test_both_spellings_are_one_request() -> None:
    snake = {
        "system_instruction": {"parts": {"text": "Be brief."}},
        "generation_config": {"max_output_tokens": "64", "top_k": 40.0, "thinking_config": {"thinking_budget": 0}},
        "tools": {"function_declarations": [{"name": "f", "parameters_json_schema": {"a_b": 1}}]},
    }
    camel = {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {"maxOutputTokens": 64, "topK": 40, "thinkingConfig": {"thinkingBudget": 0}},
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"a_b": 1}}]}],
    }
    assert read_body(wire_body(**snake)) == read_body(wire_body(**camel))


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"newThing": 1}, "newThing"),
        ({"generationConfig": {"new_thing": 1}}, "generationConfig.newThing"),
        ({"contents": [*HI, {"role": "user", "parts": [{"newThing": 1}]}]}, "contents.1.parts.0.newThing"),
        ({"toolConfig": {"functionCallingConfig": {"x": 1}}}, "toolConfig.functionCallingConfig.x"),
    ],
)
def test_an_unknown_field_is_refused_by_its_path(keys: dict[str, object], named: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        read_body(wire_body(**keys))
    assert caught.value.info.param == named


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{}", "contents"),
        (b"[]", None),
        (b'{"contents": 3}', "contents.0"),
        (b'{"contents": [{"parts": [{"text": 3}]}]}', "contents.0.parts.0.text"),
        (b'{"contents": [], "generationConfig": {"maxOutputTokens": "many"}}', "generationConfig.maxOutputTokens"),
        (b'{"contents": [', None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
)
def test_what_is_no_request_is_malformed(body: bytes, named: str | None) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read_body(body)
    assert caught.value.info.param == named
    assert "many" not in str(caught.value)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("parts", "text", "role", "x")), inner),
    max_leaves=8,
)


@given(_json, _json)
def test_any_json_is_read_or_refused(contents: object, config: object) -> None:
    body = msgspec.json.encode({"contents": contents, "generationConfig": config, "systemInstruction": contents})
    assert status_of(lambda: read_body(body)) in (200, 400)
