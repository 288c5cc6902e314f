"""Canonical parts -> the content blocks of a Messages request or reply.

Flows in: parts that turns.py has put in order. Flows out: JSON objects. Must stay true: a tool call's arguments keep
the key order in which the model wrote them; what no block can say is refused by name.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from sekisho.canonical.request import (
    CacheMark,
    Document,
    Image,
    Part,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sekisho.canonical.tools import tool_input
from sekisho.core.errors import UnsupportedFeature

Json = dict[str, Any]

NAME = "anthropic-messages"
#: platform.claude.com/docs/en/build-with-claude/vision
IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
FAILED_WITHOUT_WORDS = "The tool failed without a message."


def block(part: Part, name: str = "") -> Json:
    """One content block of a request; `name` is the wire name of a tool call. Raises UnsupportedFeature."""
    if isinstance(part, (Text, Refusal)):
        return _marked({"type": "text", "text": part.text}, part.cache if isinstance(part, Text) else None)
    if isinstance(part, ToolResult):
        return _result(part)
    if isinstance(part, ToolCall):
        return _marked({"type": "tool_use", "id": part.id, "name": name, "input": tool_input(part)}, part.cache)
    if isinstance(part, Thinking):
        return {"type": "thinking", "thinking": part.text, "signature": part.signature or ""}
    if isinstance(part, RedactedThinking):
        return {"type": "redacted_thinking", "data": part.data}
    if isinstance(part, Image):
        return _marked({"type": "image", "source": _image_source(part)}, part.cache)
    return _document(part)


def _marked(value: Json, mark: CacheMark | None) -> Json:
    if mark is not None:
        value["cache_control"] = cache_control(mark)
    return value


def cache_control(mark: CacheMark) -> Json:
    """The breakpoint; a life is only named where the caller named one."""
    return {"type": "ephemeral"} if mark.ttl is None else {"type": "ephemeral", "ttl": mark.ttl}


def _image_source(image: Image) -> Json:
    if image.data is None:
        return {"type": "url", "url": image.url or ""}
    media_type = {"image/jpg": "image/jpeg"}.get(image.media_type or "", image.media_type)
    if media_type not in IMAGE_TYPES:
        raise UnsupportedFeature("image.media_type", NAME, f"It takes {', '.join(IMAGE_TYPES)}.")
    return {"type": "base64", "media_type": media_type, "data": image.data}


def _document(document: Document) -> Json:
    value: Json = {"type": "document", "source": _document_source(document)}
    if document.name:
        value["title"] = document.name
    if document.context:
        value["context"] = document.context
    if document.citations:
        value["citations"] = {"enabled": True}
    return _marked(value, document.cache)


def _document_source(document: Document) -> Json:
    if document.text is not None:
        return {"type": "text", "media_type": "text/plain", "data": document.text}
    if document.data is None:
        return {"type": "url", "url": document.url or ""}
    media_type = document.media_type or "application/pdf"
    if media_type == "application/pdf":
        return {"type": "base64", "media_type": media_type, "data": document.data}
    if media_type.startswith("text/") or media_type == "application/json":
        try:
            return {"type": "text", "media_type": "text/plain", "data": base64.b64decode(document.data).decode()}
        except (binascii.Error, UnicodeDecodeError):
            pass
    raise UnsupportedFeature("document.media_type", NAME, "It takes application/pdf and text in UTF-8.")


def _result(result: ToolResult) -> Json:
    value: Json = {"type": "tool_result", "tool_use_id": result.call_id}
    parts = [part for part in result.parts if not isinstance(part, Text) or part.text.strip()]
    if not parts and result.is_error:  # the API refuses an error without words
        parts = [Text(FAILED_WITHOUT_WORDS)]
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].cache is None:
        value["content"] = parts[0].text
    elif parts:
        value["content"] = [block(part) for part in parts]
    if result.is_error:
        value["is_error"] = True
    return _marked(value, result.cache)
