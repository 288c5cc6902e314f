"""Puts a policy's prompt-cache marks into a Messages body that passes unchanged.

Flows in: the caller's body and the points of a policy. Flows out: the new JSON of `tools`, `system` and `messages`,
where they get a mark. Must stay true: nothing but the marks changes, so that two turns of a conversation share their
bytes; a body of another shape is left to its provider.
Source: platform.claude.com/docs/en/build-with-claude/prompt-caching.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from sekisho.canonical.cache_marks import TOOLS, MarkPoint, Spot, choose
from sekisho.canonical.request import CacheMark
from sekisho.wire.json_edit import JsonObject, item_spans

#: Blocks that take a mark; thoughts do not.
#: No set: what a caller puts for a type may be anything.
_MARKABLE = ("text", "image", "document", "tool_use", "tool_result", "search_result")


_NOTHING = msgspec.Raw()


class _Block(msgspec.Struct):
    """A content block, system block or tool."""

    type: Any = None
    text: msgspec.Raw = _NOTHING
    content: msgspec.Raw = _NOTHING
    cache_control: Any = None
    defer_loading: Any = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Block]


class _Body(msgspec.Struct):
    tools: list[_Block] | None = None
    system: str | list[_Block] | None = None
    messages: list[_Message] = []
    #: The newest marks of all: the provider places one itself.
    cache_control: Any = None


#: (key, message, block); -1 where there is none: the text is the whole content.
_Place = tuple[str, int, int]
_decode = msgspec.json.Decoder(_Body).decode
_decode_blocks = msgspec.json.Decoder(list[_Block]).decode


def mark_body(body: JsonObject, points: Sequence[MarkPoint]) -> dict[str, bytes]:
    """Key of the body -> its new value: for `JsonObject.edited`. Raises MalformedRequest for a key twice in a block."""
    try:
        typed = _decode(body.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    rows = list(_rows(typed))
    chosen = choose([spot for spot, _ in rows], points, taken=1 if typed.cache_control else 0)
    changes: dict[str, bytes] = {}
    for at, mark in reversed(chosen.items()):  # from behind: the places before stay where they are
        key, message, block = rows[at][1]
        value = changes.get(key) or body.body[slice(*body.spans[key])]
        changes[key] = _marked(value, message, block, _control(mark))
    return changes


def _rows(body: _Body) -> list[tuple[Spot, _Place]]:
    rows = [(_tool_spot(tool), ("tools", -1, at)) for at, tool in enumerate(body.tools or [])]
    first = 0
    if body.system:
        rows += _content(body.system, first, "system", ("system", -1))
        first = 1
    for at, message in enumerate(body.messages):
        rows += _content(message.content, first + at, message.role, ("messages", at))
    return rows


def _content(content: str | list[_Block], number: int, role: str, place: tuple[str, int]) -> list[tuple[Spot, _Place]]:
    if isinstance(content, str):
        return [(Spot(number, role, free=bool(content)), (*place, -1))]
    rows: list[tuple[Spot, _Place]] = []
    for at, block in enumerate(content):
        inner = [mark for mark in _inner_marks(block) if mark is not None]
        rows += [(Spot(number, role, free=False, mark=mark), (*place, at)) for mark in inner]
        free = block.type in _MARKABLE and bytes(block.text) != b'""'
        rows.append((Spot(number, role, free=free, mark=_mark(block.cache_control)), (*place, at)))
    return rows


def _tool_spot(tool: _Block) -> Spot:
    return Spot(TOOLS, "", free=not tool.defer_loading, mark=_mark(tool.cache_control))


def _inner_marks(block: _Block) -> list[CacheMark | None]:
    if b'"cache_control"' not in bytes(block.content):
        return []
    try:
        return [_mark(inner.cache_control) for inner in _decode_blocks(block.content)]
    except msgspec.DecodeError:
        return []


def _mark(control: Any) -> CacheMark | None:
    if not control:
        return None
    ttl = control.get("ttl") if isinstance(control, dict) else None
    return CacheMark(ttl if isinstance(ttl, str) else None)


def _control(mark: CacheMark) -> bytes:
    return b'{"type":"ephemeral"}' if mark.ttl is None else b'{"type":"ephemeral","ttl":"%b"}' % mark.ttl.encode()


def _marked(value: bytes, message: int, block: int, control: bytes) -> bytes:
    """`value` of a key of the body with one mark more."""
    if message < 0:
        return _marked_content(value, block, control)

    def in_message(raw: bytes) -> bytes:
        json = JsonObject(raw)
        return json.edited({"content": _marked_content(raw[slice(*json.spans["content"])], block, control)})

    return _with_item(value, message, in_message)


def _marked_content(content: bytes, block: int, control: bytes) -> bytes:
    if block < 0:
        return b'[{"type":"text","text":%b,"cache_control":%b}]' % (content, control)
    return _with_item(content, block, lambda raw: JsonObject(raw).edited({"cache_control": control}))


def _with_item(array: bytes, at: int, change: Callable[[bytes], bytes]) -> bytes:
    start, end = item_spans(array)[at]
    return array[:start] + change(array[start:end]) + array[end:]
