"""Puts a policy's prompt-cache marks into a Converse body that passes unchanged: elements of their own, behind a block.

Flows in: the caller's body, the points of a policy, what the model takes a mark behind. Flows out: the new JSON of
`toolConfig`, `system` and `messages`, where they get a mark. Must stay true: nothing but the marks changes; a body of
another shape is left to its provider; a model that refuses cache points gets none.
Source: docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html; Bedrock Runtime API, CachePointBlock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from sekisho.canonical.cache_marks import TOOLS, MarkPoint, Spot, choose
from sekisho.canonical.request import CacheMark
from sekisho.wire.json_edit import JsonObject, item_spans

#: As canonical.target.Profile.cache_points.
Takes = Literal["anything", "text", "nothing"]
_MARKABLE: dict[Takes, tuple[str, ...]] = {
    "anything": ("text", "image", "document", "tool_use", "tool_result", "tool_spec"),
    "text": ("text",),
    "nothing": (),
}


_NOTHING = msgspec.Raw()


class _Block(msgspec.Struct, rename="camel"):
    """A block of content or system, or a tool: exactly one key is there."""

    text: str | None = None
    image: msgspec.Raw = _NOTHING
    document: msgspec.Raw = _NOTHING
    tool_use: msgspec.Raw = _NOTHING
    tool_result: msgspec.Raw = _NOTHING
    tool_spec: msgspec.Raw = _NOTHING
    cache_point: Any = None


class _Message(msgspec.Struct):
    role: str
    content: list[_Block]


class _Tools(msgspec.Struct):
    tools: list[_Block] = []


class _Body(msgspec.Struct, rename="camel"):
    tool_config: _Tools | None = None
    system: list[_Block] | None = None
    messages: list[_Message] | None = None


#: (path of keys to the list, message or -1, block).
_Place = tuple[str, int, int]
_decode = msgspec.json.Decoder(_Body).decode


def mark_body(body: JsonObject, points: Sequence[MarkPoint], takes: Takes) -> dict[str, bytes]:
    """Key of the body -> its new value: for `JsonObject.edited`. Raises MalformedRequest for a key twice."""
    try:
        typed = _decode(body.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    rows = _rows(typed, _MARKABLE[takes])
    changes: dict[str, bytes] = {}
    for at, mark in reversed(choose([spot for spot, _ in rows], points).items()):  # from behind: places stay
        key, message, block = rows[at][1]
        value = changes.get(key) or body.body[slice(*body.spans[key])]
        changes[key] = _marked(key, value, message, block, mark)
    return changes


def _rows(body: _Body, markable: tuple[str, ...]) -> list[tuple[Spot, _Place]]:
    rows: list[tuple[Spot, _Place]] = []
    if body.tool_config is not None:
        rows += _list(body.tool_config.tools, (TOOLS, ""), ("toolConfig", -1), markable)
    first = 0
    if body.system:
        rows += _list(body.system, (0, "system"), ("system", -1), markable)
        first = 1
    for at, message in enumerate(body.messages or []):
        rows += _list(message.content, (first + at, message.role), ("messages", at), markable)
    return rows


def _list(
    blocks: list[_Block], whose: tuple[int, str], place: tuple[str, int], markable: tuple[str, ...]
) -> list[tuple[Spot, _Place]]:
    rows: list[tuple[Spot, _Place]] = []
    for at, block in enumerate(blocks):
        if block.cache_point is None:
            free = any(len(getattr(block, kind) or "") for kind in markable)
            rows.append((Spot(*whose, free=free), (*place, at)))
        elif rows and rows[-1][0].mark is None:  # a mark belongs to the block before it
            rows[-1] = (Spot(*whose, free=False, mark=_mark(block.cache_point)), rows[-1][1])
        else:
            rows.append((Spot(*whose, free=False, mark=_mark(block.cache_point)), (*place, at)))
    return rows


def _mark(point: Any) -> CacheMark:
    ttl = point.get("ttl") if isinstance(point, dict) else None
    return CacheMark(ttl if isinstance(ttl, str) else None)


def _marked(key: str, value: bytes, message: int, block: int, mark: CacheMark) -> bytes:
    if key == "toolConfig":
        config = JsonObject(value)
        return config.edited({"tools": _point_behind(value[slice(*config.spans["tools"])], block, mark)})
    if message < 0:
        return _point_behind(value, block, mark)
    start, end = item_spans(value)[message]
    said = JsonObject(value[start:end])
    content = _point_behind(said.body[slice(*said.spans["content"])], block, mark)
    return value[:start] + said.edited({"content": content}) + value[end:]


def _point_behind(array: bytes, block: int, mark: CacheMark) -> bytes:
    _, end = item_spans(array)[block]
    ttl = b"" if mark.ttl is None else b',"ttl":"%b"' % mark.ttl.encode()
    return b'%b,{"cachePoint":{"type":"default"%b}}%b' % (array[:end], ttl, array[end:])
