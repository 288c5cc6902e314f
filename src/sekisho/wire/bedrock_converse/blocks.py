"""Canonical parts -> the content blocks of a Converse request.

Flows in: turns in their order. Flows out: JSON objects, each followed by its cache point. Must stay true: the same
conversation gives the same bytes, document names included; a cache point never stands inside a tool's result; what no
block can say is refused by name.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
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
from sekisho.canonical.target import Profile
from sekisho.canonical.tools import ToolNames, tool_input
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.bedrock_converse.media import DOCUMENTS, IMAGES, document_name, redacted_content
from sekisho.wire.turns import Turn

Json = dict[str, Any]

NAME = "bedrock-converse"
CACHE_POINTS_MAX = 4
FAILED_WITHOUT_WORDS = "The tool failed without a message."
#: The API refuses a message with a document and no text beside it.
WORDS_BESIDE_DOCUMENT = "(See the document.)"


class Blocks:
    """Writes the blocks of one request; `notes` gets the names of cache points that the model does not take."""

    def __init__(self, names: ToolNames, profile: Profile, notes: list[str]) -> None:
        self._names = names
        self._behind = profile.cache_points
        self._notes = notes
        #: Document names given out; the API refuses a name that comes twice.
        self._documents: dict[str, int] = {}

    def message(self, turn: Turn) -> Json:
        """One message. Raises UnsupportedFeature."""
        blocks: list[Json] = []
        for part in turn.parts:
            if turn.role == "assistant" and isinstance(part, (Image, Document)):
                kind = "image" if isinstance(part, Image) else "document"
                raise UnsupportedFeature(f"messages.{kind}", NAME, "An assistant message holds no such part.")
            blocks.append(self._block(part))
            mark = _mark_of(part)
            if mark is not None:
                blocks += self.cache_point(mark, is_text=isinstance(part, Text))
        if self._documents and any("document" in block for block in blocks):
            self._say_words(blocks)
        return {"role": turn.role, "content": blocks}

    def _say_words(self, blocks: list[Json]) -> None:
        if not any("text" in block for block in blocks):
            blocks.append({"text": WORDS_BESIDE_DOCUMENT})
            self._notes.append("messages.words_beside_document")

    def system(self, leading: Sequence[Text | Refusal]) -> list[Json]:
        """The system prompt: blank text is refused, so it is left out."""
        blocks: list[Json] = []
        for part in leading:
            if part.text.strip():
                blocks.append({"text": part.text})
                blocks += self.cache_point(_mark_of(part), is_text=True)
        return blocks

    def cache_point(self, mark: CacheMark | None, *, is_text: bool = False) -> list[Json]:
        """The element that stands behind what is marked; nothing where the model takes none there."""
        if mark is None:
            return []
        if self._behind == "nothing" or (self._behind == "text" and not is_text):
            self._notes.append("cache_control")
            return []
        return [{"cachePoint": {"type": "default"} if mark.ttl is None else {"type": "default", "ttl": mark.ttl}}]

    def _block(self, part: Part) -> Json:
        if isinstance(part, (Text, Refusal)):
            return {"text": part.text}
        if isinstance(part, ToolResult):
            return {"toolResult": self._result(part)}
        if isinstance(part, ToolCall):
            name = self._names.of(part.name, part.namespace)
            return {"toolUse": {"toolUseId": part.id, "name": name, "input": tool_input(part)}}
        if isinstance(part, Thinking):
            signature = {} if part.signature is None else {"signature": part.signature}
            return {"reasoningContent": {"reasoningText": {"text": part.text, **signature}}}
        if isinstance(part, RedactedThinking):
            return {"reasoningContent": {"redactedContent": redacted_content(part.data)}}
        return {"image": _image(part)} if isinstance(part, Image) else {"document": self._document(part)}

    def _result(self, result: ToolResult) -> Json:
        parts: list[Part] = [part for part in result.parts if not isinstance(part, Text) or part.text.strip()]
        if not parts and result.is_error:
            parts = [Text(FAILED_WITHOUT_WORDS)]
        content = [self._block(part) for part in parts] or [{"text": ""}]  # models that are not Claude want one block
        value: Json = {"toolUseId": result.call_id, "content": content}
        if result.is_error:
            value["status"] = "error"
        return value

    def _document(self, document: Document) -> Json:
        form, data = _contents(document)
        name = document_name(document.name, data)
        seen = self._documents[name] = self._documents.get(name, 0) + 1
        # Text that is to be cited goes as text; every model that takes documents takes blobs.
        source = {"bytes": data} if document.text is None or not document.citations else {"text": document.text}
        value: Json = {"format": form, "name": name if seen == 1 else f"{name[:190]} {seen}", "source": source}
        if document.context:
            value["context"] = document.context
        if document.citations:
            value["citations"] = {"enabled": True}
        return value


def _mark_of(part: Part) -> CacheMark | None:
    """The mark of a part; a mark inside a tool's result is one behind it."""
    if isinstance(part, (Thinking, RedactedThinking, Refusal)):
        return None
    mark = part.cache
    if mark is None and isinstance(part, ToolResult):
        for piece in part.parts:
            mark = piece.cache or mark
    return mark


def _image(image: Image) -> Json:
    if image.data is None:
        raise UnsupportedFeature("image.url", NAME, "Send the image itself, in base64.")
    form = IMAGES.get(image.media_type or "")
    if form is None:
        raise UnsupportedFeature("image.media_type", NAME, f"It takes {', '.join(IMAGES)}.")
    return {"format": form, "source": {"bytes": image.data}}


def _contents(document: Document) -> tuple[str, str]:
    """(format, contents in base64)."""
    if document.text is not None:
        form = DOCUMENTS.get(document.media_type or "text/plain", "txt")
        return form, base64.b64encode(document.text.encode()).decode()
    if document.data is None:
        raise UnsupportedFeature("document.url", NAME, "Send the document itself, in base64.")
    media_type = document.media_type or "application/pdf"
    form = DOCUMENTS.get(media_type, "txt" if media_type.startswith("text/") else "")
    if not form:
        raise UnsupportedFeature("document.media_type", NAME, f"It takes {', '.join(DOCUMENTS)}.")
    return form, document.data


def keep_last_points(lists: Sequence[list[Json]], notes: list[str]) -> None:
    """The API takes four cache points; the last ones cover the longest prefixes."""
    points = [(entries, entry) for entries in lists for entry in entries if "cachePoint" in entry]
    for entries, entry in points[:-CACHE_POINTS_MAX]:
        entries.remove(entry)  # the first that is equal, and the earlier ones are gone
        notes.append("cache_control")
