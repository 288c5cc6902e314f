"""Protobuf's JSON as Google's servers read it, made plain: one spelling of every key, lists where lists belong.

Flows in: decoded JSON of a caller. Flows out: the same with camelCase keys, without nulls, and with a lone message in
a list where the field is repeated. Must stay true: what is the caller's own inside (arguments, results, schemas) keeps
its keys. (protobuf.dev/programming-guides/json)
"""

from __future__ import annotations

import re
from typing import Any

#: Values whose keys are the caller's own, not fields.
_OPAQUE = frozenset(
    {
        "args",
        "labels",
        "parameters",
        "parametersJsonSchema",
        "partMetadata",
        "response",
        "responseJsonSchema",
        "responseSchema",
    }
)
_REPEATED = frozenset(
    {
        "allowedFunctionNames",
        "contents",
        "functionDeclarations",
        "parts",
        "requests",
        "responseModalities",
        "safetySettings",
        "stopSequences",
        "tools",
    }
)
_underscore = re.compile(r"_+([a-z0-9])")


def camel(key: str) -> str:
    """The JSON name of a field; both spellings are accepted, and a leading underscore of older clients."""
    if "_" not in key:
        return key
    return _underscore.sub(lambda match: match[1].upper(), key.strip("_"))


def plain(value: Any) -> Any:
    """One JSON value with its fields named in one way."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    fields: dict[str, Any] = {}
    for written, item in value.items():
        if item is None:
            continue
        key = camel(written)
        kept = item if key in _OPAQUE else plain(item)
        fields[key] = [kept] if key in _REPEATED and not isinstance(kept, list) else kept
    return fields


def standard_base64(text: str) -> str:
    """Base64 in its standard alphabet and with its padding: Google takes the URL-safe one too, others do not."""
    if "-" in text or "_" in text:
        text = text.replace("-", "+").replace("_", "/")
    short = -len(text) % 4
    return text + "=" * short if short in (1, 2) else text
