"""The blocks of a caller's Converse message -> canonical parts.

Flows in: typed blocks in order. Flows out: parts in the same order. Must stay true: a cache point is a mark on the part
before it; exactly one member of each union is given; what no other API has is refused by its path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from sekisho.canonical.request import CacheMark, Document, Image, Part, Text, Tool, ToolCall, ToolResult
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.bedrock_converse import schema as wire
from sekisho.wire.bedrock_converse.media import DOCUMENT_TYPES, IMAGE_TYPES, read_redacted_content
from sekisho.wire.raw_text import callers_text
from sekisho.wire.thoughts import read_thinking

Marked = Text | Image | Document | ToolCall | ToolResult | Tool


def member(union: msgspec.Struct, path: str) -> tuple[str, Any]:
    """(name, value) of the one member given. Raises MalformedRequest for none or several."""
    values = [(name, getattr(union, name)) for name in union.__struct_fields__]
    given = [(name, value) for name, value in values if value is not None and value is not msgspec.UNSET]
    if len(given) != 1:
        raise MalformedRequest(f"{path}: Exactly one member must be given.", param=path)
    return given[0]


def parts_of(blocks: Sequence[msgspec.Struct], path: str, notes: list[str]) -> tuple[Part, ...]:
    """The parts of a message, or of the system prompt. Raises MalformedRequest and UnsupportedFeature."""
    parts: list[Part] = []
    for at, block in enumerate(blocks):
        here = f"{path}.{at}"
        name, value = member(block, here)
        if isinstance(value, wire.CachePoint):
            mark_last(parts, value, notes)
            continue
        here = f"{here}.{_wire_name(block, name)}"
        reader = _READERS.get(type(value))
        if reader is None:
            raise UnsupportedFeature(here, wire.ELSEWHERE)
        parts.append(reader(value, here, notes))
    return tuple(parts)


def mark_last(marked: list[Any], point: wire.CachePoint, notes: list[str]) -> None:
    """Put the cache point on what stands before it; one that has nothing to mark before it is named."""
    if marked and isinstance(marked[-1], Marked):
        marked[-1] = msgspec.structs.replace(marked[-1], cache=CacheMark(point.ttl))
    else:
        notes.append("cachePoint")


def _wire_name(union: msgspec.Struct, name: str) -> str:
    return union.__struct_encode_fields__[union.__struct_fields__.index(name)]


def _text(value: str, _path: str, _notes: list[str]) -> Text:
    return Text(value)


def _image(value: wire.ImageIn, path: str, _notes: list[str]) -> Image:
    data = member(value.source, f"{path}.source")
    media_type = IMAGE_TYPES.get(value.format)
    if data[0] != "bytes" or media_type is None:
        at_fault = "format" if media_type is None else f"source.{_wire_name(value.source, data[0])}"
        raise UnsupportedFeature(f"{path}.{at_fault}", wire.ELSEWHERE)
    return Image(media_type=media_type, data=data[1])


def _document(value: wire.DocumentIn, path: str, _notes: list[str]) -> Document:
    kind, given = member(value.source, f"{path}.source")
    media_type = DOCUMENT_TYPES.get(value.format or "txt")
    if kind == "s3_location" or media_type is None:
        at_fault = "format" if media_type is None else "source.s3Location"
        raise UnsupportedFeature(f"{path}.{at_fault}", wire.ELSEWHERE)
    if kind == "content":
        given = "\n\n".join(piece.text for piece in given)
    return Document(
        media_type=media_type,
        data=given if kind == "bytes" else None,
        text=None if kind == "bytes" else given,
        name=value.name,
        context=value.context,
        citations=value.citations is not None and value.citations.enabled,
    )


def _search_result(value: wire.SearchResultIn, _path: str, _notes: list[str]) -> Document:
    """A text with a title; where it was found is told as its context."""
    return Document(
        media_type="text/plain",
        text="\n\n".join(piece.text for piece in value.content),
        name=value.title,
        context=f"Source: {value.source}",
        citations=value.citations is not None and value.citations.enabled,
    )


def _guarded(value: wire.GuardedIn, path: str, notes: list[str]) -> Text | Image:
    """The mark is for a guardrail, and a request that names one was refused before; the contents stay."""
    notes.append("guardContent")
    name, given = member(value, path)
    return Text(given.text) if name == "text" else _image(given, f"{path}.image", notes)


def _cited(value: wire.CitedIn, _path: str, notes: list[str]) -> Text:
    if value.citations:
        notes.append("messages.content.citations")
    return Text("".join(piece.text for piece in value.content))


def _reasoning(value: wire.ReasoningIn, path: str, _notes: list[str]) -> Part:
    name, given = member(value, path)
    return read_redacted_content(given) if name == "redacted_content" else read_thinking(given.text, given.signature)


def _tool_use(value: wire.ToolUseIn, path: str, _notes: list[str]) -> ToolCall:
    if value.type == "server_tool_use":
        raise UnsupportedFeature(f"{path}.type", wire.ELSEWHERE)
    arguments = callers_text(value.input, f"{path}.input")
    if not arguments.startswith("{"):
        raise MalformedRequest(f"{path}.input: Expected `object`.", param=f"{path}.input")
    return ToolCall(id=value.tool_use_id, name=value.name, arguments=arguments)


def _tool_result(value: wire.ToolResultIn, path: str, notes: list[str]) -> ToolResult:
    parts: list[Text | Image | Document] = []
    for at, piece in enumerate(value.content):
        here = f"{path}.content.{at}"
        name, given = member(piece, here)
        if name == "video":
            raise UnsupportedFeature(f"{here}.video", wire.ELSEWHERE)
        parts.append(_RESULT_READERS[name](given, f"{here}.{name}", notes))
    return ToolResult(call_id=value.tool_use_id, parts=tuple(parts), is_error=value.status == "error")


def _json(value: msgspec.Raw, path: str, _notes: list[str]) -> Text:
    return Text(callers_text(value, path))


_RESULT_READERS: dict[str, Callable[[Any, str, list[str]], Text | Image | Document]] = {
    "text": _text,
    "json": _json,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
}
_READERS: dict[type, Callable[[Any, str, list[str]], Part]] = {
    str: _text,
    wire.ImageIn: _image,
    wire.DocumentIn: _document,
    wire.SearchResultIn: _search_result,
    wire.GuardedIn: _guarded,
    wire.CitedIn: _cited,
    wire.ReasoningIn: _reasoning,
    wire.ToolUseIn: _tool_use,
    wire.ToolResultIn: _tool_result,
}
