from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.wire.gemini_generate.json_schema import json_schema


def test_googles_words_become_json_schemas() -> None:
    asked = {
        "type": "OBJECT",
        "properties": {
            "any_of": {"type": "STRING", "nullable": True, "enum": ["a"]},
            "type": {"type": "ARRAY", "items": {"type": "INTEGER"}, "min_items": "1", "maxItems": 3},
            "either": {"any_of": [{"type": "NUMBER"}, {"type": "TYPE_UNSPECIFIED"}]},
        },
        "required": ["type"],
        "propertyOrdering": ["type", "any_of"],
    }
    assert json_schema(asked) == {
        "type": "object",
        "properties": {
            "any_of": {"type": ["string", "null"], "enum": ["a", None]},
            "type": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
            "either": {"anyOf": [{"type": "number"}, {}]},
        },
        "required": ["type"],
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": ["string", "null"]}}},
        {"type": "string", "minLength": 1, "pattern": "OBJECT", "default": "OBJECT", "enum": ["OBJECT"]},
        {"anyOf": [{"const": 1}, True], "additionalProperties": False, "not": {"type": "null"}},
    ],
)
def test_a_json_schema_stays_what_it_is(schema: dict[str, Any]) -> None:
    assert json_schema(schema) == schema


def test_references_have_their_sign() -> None:
    asked = {"ref": "#/$defs/A", "defs": {"A": {"type": "STRING"}}}
    assert json_schema(asked) == {"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}}


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_value_is_read_and_read_again_the_same(value: Any) -> None:
    assert json_schema(json_schema(value)) == json_schema(value)
