"""Takes `scope` out of cache marks: only Anthropic's own API knows it, the clouds refuse the request for it.

Flows in: a Messages body. Flows out: the same without that key, wherever a mark may stand. Must stay true: every
other byte stays, because prompt caches live on them; words of that name in texts, tool arguments and schemas stay.
"""

from __future__ import annotations

from sekisho.core.errors import MalformedRequest
from sekisho.wire.json_edit import JsonObject, item_spans

_MARK, _SCOPE = b'"cache_control"', b'"scope"'
#: Lists whose items carry marks: of the body, of a message, of a tool result.
_LISTS = ("system", "tools", "messages", "content")


def without_cache_scope(body: bytes) -> bytes:
    """`body` without the scope of any cache mark. What is no JSON of the right shape is left to the provider."""
    if not _may_hold_one(body):
        return body
    try:
        value = JsonObject(body)
        changes = {name: _cleaned_items(body[slice(*value.spans[name])]) for name in _LISTS if name in value.values}
        if "cache_control" in value.values:
            changes["cache_control"] = _cleaned_mark(body[slice(*value.spans["cache_control"])])
        return value.edited(changes)
    except MalformedRequest:
        return body


def _may_hold_one(data: bytes) -> bool:
    return _SCOPE in data and _MARK in data


def _cleaned_items(array: bytes) -> bytes:
    if not _may_hold_one(array) or not array.startswith(b"["):
        return array
    pieces, at = [], 0
    for start, end in item_spans(array):
        pieces += [array[at:start], without_cache_scope(array[start:end])]
        at = end
    return b"".join([*pieces, array[at:]])


def _cleaned_mark(mark: bytes) -> bytes:
    return JsonObject(mark).edited({"scope": None}) if mark.startswith(b"{") else mark
