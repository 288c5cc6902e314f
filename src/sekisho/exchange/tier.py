"""The service tier that a caller asks for, in whatever dialect.

Flows in: the caller's headers and the top of its body. Flows out: the tier in the caller's own word, None where none is
asked for. Must stay true: it is only what was asked; the provider's word on what it served holds over it
(`Usage.service_tier`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sekisho.wire.json_edit import JsonObject

#: Bedrock's InvokeModel says it in headers.
_HEADERS = ("x-amzn-bedrock-service-tier", "x-amzn-bedrock-performanceconfig-latency")
#: Key of a body -> the key inside it, where its value is an object (Converse).
_KEYS = {"service_tier": "", "serviceTier": "type", "performanceConfig": "latency"}


def asked_tier(headers: Mapping[str, str], body: JsonObject | None) -> str | None:
    """A word for `ledger.terms.mode_of`."""
    for name in _HEADERS:
        if name in headers:
            return headers[name]
    values = body.values if body is not None else {}
    if "speed" in values and _value(values["speed"]) == "fast":  # Anthropic's fast mode
        return "fast"
    for key, inner in _KEYS.items():
        found = _value(values[key]) if key in values else None
        word = found.get(inner) if isinstance(found, dict) else found
        if isinstance(word, str):
            return word
    return None


def _value(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
