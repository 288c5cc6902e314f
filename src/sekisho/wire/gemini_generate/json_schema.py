"""Google's own schema language -> JSON schema.

Flows in: `parameters` and `responseSchema` (OpenAPI 3.0 words, types in capitals, numbers as strings, either spelling
of a key), or a JSON schema already. Flows out: a JSON schema. Must stay true: a JSON schema comes out as it went in;
names of properties are never touched. (ai.google.dev/api/caching#Schema)
"""

from __future__ import annotations

from typing import Any

from sekisho.wire.gemini_generate.proto import camel

Schema = dict[str, Any]

_TYPES = frozenset({"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"})
#: Keywords that hold schemas: under names, or directly.
_NAMED = ("properties", "$defs", "definitions", "defs", "patternProperties")
_DIRECT = ("items", "prefixItems", "anyOf", "allOf", "oneOf", "not", "additionalProperties")
_WHOLE = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
#: Google's spelling of what JSON schema calls otherwise; what only Google reads is left out.
_RENAMED = {"ref": "$ref", "defs": "$defs"}
_SNAKE = frozenset(
    {
        "additional_properties",
        "any_of",
        "max_items",
        "max_length",
        "max_properties",
        "min_items",
        "min_length",
        "min_properties",
        "one_of",
        "prefix_items",
        "property_ordering",
    }
)


def json_schema(schema: Any) -> Any:
    """The schema in JSON schema's words."""
    if isinstance(schema, list):
        return [json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    value: Schema = {}
    for written, item in schema.items():
        key = camel(written) if written in _SNAKE else written
        if key not in ("nullable", "propertyOrdering") and not (key == "type" and item == "TYPE_UNSPECIFIED"):
            value[_RENAMED.get(key, key)] = _keyword(key, item)
    if schema.get("nullable") is True and isinstance(value.get("type"), str):
        value["type"] = [value["type"], "null"]
        if isinstance(value.get("enum"), list) and None not in value["enum"]:
            value["enum"] = [*value["enum"], None]
    return value


def _keyword(key: str, item: Any) -> Any:
    if key == "type":
        return _type(item)
    if key in _NAMED and isinstance(item, dict):
        return {name: json_schema(schema) for name, schema in item.items()}
    if key in _DIRECT:
        return json_schema(item)
    if key in _WHOLE and isinstance(item, str) and item.isascii() and item.isdigit():
        return int(item[:18])  # proto writes 64-bit numbers as strings
    return item


def _type(item: Any) -> Any:
    if isinstance(item, list):
        return [_type(kind) for kind in item]
    return item.lower() if isinstance(item, str) and item in _TYPES else item
