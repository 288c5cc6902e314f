"""Mends the thoughts of a request that goes to Gemini unchanged otherwise.

Flows in: a body whose earlier answers may have come from another model: its calls carry no signature, or our seal in
its place (signatures.py), and Gemini refuses the whole request for either. Flows out: the body with Google's word for
"no signature" there. Must stay true: every other byte is the caller's own, because prompt caches live on them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sekisho.core.errors import ErrorInfo
from sekisho.wire.gemini_generate.signatures import CARRIED_PREFIX, SENTINEL
from sekisho.wire.json_edit import JsonObject, item_spans

#: Inside a JSON string the quotes would be escaped, so only the field itself matches.
_CARRIED = re.compile(
    rb'("(?:thoughtSignature|thought_signature)"\s*:\s*)"' + CARRIED_PREFIX.encode() + rb'[A-Za-z0-9+/_=-]*"'
)
_NONE = b'"' + SENTINEL.encode() + b'"'
_CALLS = frozenset({"functionCall", "function_call"})
_SIGNATURES = frozenset({"thoughtSignature", "thought_signature"})


def mend(body: bytes, error: ErrorInfo) -> bytes | None:
    """The request with legal signatures, when they are why it was refused; None when there is nothing to mend."""
    if error.status != 400 or "signature" not in error.message.lower():
        return None
    mended = _with_list(_CARRIED.sub(rb"\1" + _NONE, body), "contents", _contents)
    return None if mended == body else mended


def _contents(contents: list[bytes]) -> list[bytes]:
    return [_with_list(one, "parts", _parts) if b"Call" in one or b"_call" in one else one for one in contents]


def _parts(parts: list[bytes]) -> list[bytes]:
    """The parts of one turn: only the first of parallel calls needs a signature."""
    for at, part in enumerate(parts):
        fields = JsonObject(part)
        if fields.values.keys() & _CALLS:
            if not fields.values.keys() & _SIGNATURES:
                parts[at] = fields.edited({"thoughtSignature": _NONE})
            break
    return parts


def _with_list(holder: bytes, key: str, change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    """`holder` with the items of its list `key` changed; itself where it has none. Raises MalformedRequest."""
    whole = JsonObject(holder)
    array = bytes(whole.values.get(key, b""))
    if not array.startswith(b"["):
        return holder
    spans = item_spans(array)
    pieces, at = list[bytes](), 0
    for (start, end), new in zip(spans, change([array[start:end] for start, end in spans]), strict=True):
        pieces += [array[at:start], new]
        at = end
    return whole.edited({key: b"".join([*pieces, array[at:]])})
