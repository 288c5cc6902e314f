"""A caller's chat messages -> canonical messages.

Flows in: typed message bodies. Flows out: canonical messages in the same order.
Must stay true: nothing moves; adjacent tool messages become one user turn; what has no canonical word is refused by
its path ("messages.2.content.0"), never dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sekisho.canonical.request import (
    CacheMark,
    Document,
    Image,
    Message,
    Part,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.openai_chat.google import placed
from sekisho.wire.openai_chat.schema import FileBody, ImageUrl, Mark, MessageBody, PartBody, ToolCallBody
from sekisho.wire.openai_chat.thoughts import read_thoughts, reasoning_text

#: What errors say where the target is not known yet: the field has a meaning in this dialect only.
ELSEWHERE = "the dialect of the provider"

_SYSTEM_ROLES = ("system", "developer")
_LIVES = ("5m", "1h")


def read_messages(bodies: Sequence[MessageBody]) -> tuple[Message, ...]:
    """All messages. Raises MalformedRequest and UnsupportedFeature."""
    custom_calls = {call.id for body in bodies for call in body.tool_calls or () if call.custom is not None}
    messages: list[Message] = []
    results: list[Part] = []
    for at, body in enumerate(bodies):
        path = f"messages.{at}"
        if body.role == "tool":
            results.append(_tool_result(body, path, custom_calls))
            continue
        if results:
            messages.append(Message("user", tuple(results)))
            results = []
        messages.append(_message(body, path))
    if results:
        messages.append(Message("user", tuple(results)))
    return tuple(messages)


def _message(body: MessageBody, path: str) -> Message:
    if body.role in _SYSTEM_ROLES:
        return Message("system", _marked(_content(body, path), body.cache_control))
    if body.role == "user":
        return Message("user", _marked(_content(body, path), body.cache_control))
    if body.role == "assistant":
        return Message("assistant", _marked(_assistant_parts(body, path), body.cache_control))
    if body.role == "function":
        raise UnsupportedFeature(path, ELSEWHERE, "Use tools and role 'tool' instead of functions.")
    raise MalformedRequest(
        f"'{path}.role' must be one of system, developer, user, assistant, tool.", param=f"{path}.role"
    )


def _assistant_parts(body: MessageBody, path: str) -> tuple[Part, ...]:
    for name in ("function_call", "audio"):
        if getattr(body, name) is not None:
            raise UnsupportedFeature(f"{path}.{name}", ELSEWHERE)
    thought = reasoning_text(body.reasoning_content, body.reasoning, body.reasoning_details)
    # Clients write "" where the model only called tools: that is no text.
    said = [part for part in _content(body, path) if not (body.tool_calls and part == Text(""))]
    if body.refusal:
        said.append(Refusal(body.refusal))
    given = body.tool_calls or ()
    calls = [(_tool_call(call, f"{path}.tool_calls.{at}"), call.extra_content) for at, call in enumerate(given)]
    return tuple(placed(read_thoughts(thought, body.thinking_blocks), said, calls, body.extra_content))


def _tool_call(body: ToolCallBody, path: str) -> ToolCall:
    if body.function is not None:
        return ToolCall(id=body.id, name=body.function.name, arguments=body.function.arguments or "")
    if body.custom is not None:
        return ToolCall(id=body.id, name=body.custom.name, arguments=body.custom.input, custom=True)
    raise MalformedRequest(f"'{path}' has neither 'function' nor 'custom'.", param=path)


def _tool_result(body: MessageBody, path: str, custom_calls: set[str]) -> ToolResult:
    if not body.tool_call_id:
        param = f"{path}.tool_call_id"
        raise MalformedRequest(f"'{param}' is missing: it names the tool call that is answered.", param=param)
    parts: list[Text | Image | Document] = []
    for at, part in enumerate(_content(body, path)):
        if not isinstance(part, Text | Image | Document):
            raise UnsupportedFeature(f"{path}.content.{at}", ELSEWHERE)
        parts.append(part)
    return ToolResult(
        call_id=body.tool_call_id,
        parts=tuple(parts),
        custom=body.tool_call_id in custom_calls,
        cache=cache_mark(body.cache_control),
    )


def _content(body: MessageBody, path: str) -> tuple[Part, ...]:
    if isinstance(body.content, str):
        return (Text(body.content),)
    return tuple(_part(part, f"{path}.content.{at}") for at, part in enumerate(body.content or ()))


def _part(body: PartBody, path: str) -> Part:
    cache = cache_mark(body.cache_control or body.prompt_cache_breakpoint)
    if body.type == "text" and body.text is not None:
        return Text(body.text, cache)
    if body.type == "refusal" and body.refusal is not None:
        return Refusal(body.refusal)
    if body.type == "image_url" and body.image_url is not None:
        return _image(body, path, cache)
    if body.type == "file" and body.file is not None:
        return _document(body.file, path, cache)
    if body.type in ("text", "refusal", "image_url", "file"):
        raise MalformedRequest(f"'{path}' is of type {body.type} but has no '{body.type}'.", param=path)
    raise UnsupportedFeature(f"{path}.{body.type[:40]}", ELSEWHERE)


def _image(body: PartBody, path: str, cache: CacheMark | None) -> Image:
    given = body.image_url
    url, detail = (given.url, given.detail) if isinstance(given, ImageUrl) else (given or "", None)
    if not url.startswith("data:"):
        return Image(url=url, detail=detail, cache=cache)
    media_type, data = _data_uri(url, f"{path}.image_url.url")
    return Image(media_type=media_type, data=data, detail=detail, cache=cache)


def _document(file: FileBody, path: str, cache: CacheMark | None) -> Document:
    if file.file_data is None:
        raise UnsupportedFeature(f"{path}.file.file_id", ELSEWHERE, "Send the file itself as 'file_data'.")
    if file.file_data.startswith(("https://", "http://")):
        return Document(url=file.file_data, name=file.filename, cache=cache)
    if not file.file_data.startswith("data:"):
        # OpenAI's documentation shows bare base64 too; the dialect has no media type then, and PDF is what it takes.
        return Document(media_type="application/pdf", data=file.file_data, name=file.filename, cache=cache)
    media_type, data = _data_uri(file.file_data, f"{path}.file.file_data")
    return Document(media_type=media_type, data=data, name=file.filename, cache=cache)


def _data_uri(uri: str, path: str) -> tuple[str, str]:
    """(media type, base64 text) of an RFC 2397 URI."""
    head, comma, data = uri.partition(",")
    media_type, *flags = head.removeprefix("data:").split(";")
    if not comma or "base64" not in flags or not media_type:
        raise MalformedRequest(f"'{path}' must be a data URI of the form data:TYPE;base64,DATA.", param=path)
    return media_type, data


def cache_mark(body: Mark | None) -> CacheMark | None:
    """The caller's mark; a life that only one provider knows becomes that provider's default."""
    return None if body is None else CacheMark(body.ttl if body.ttl in _LIVES else None)


def _marked(parts: tuple[Part, ...], body: Mark | None) -> tuple[Part, ...]:
    """A mark on the whole message is a mark after its last part that can carry one."""
    if body is None:
        return parts
    for at in range(len(parts) - 1, -1, -1):
        part = parts[at]
        if isinstance(part, Text | Image | Document | ToolCall | ToolResult):
            return (*parts[:at], msgspec.structs.replace(part, cache=cache_mark(body)), *parts[at + 1 :])
    return parts
