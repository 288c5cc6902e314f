"""Turns of a conversation -> `instructions` and the items of `input`.

Flows in: canonical messages. Flows out: items for a provider. Must stay true: order is kept and nothing earlier
changes when a turn is added (prompt caches live on prefixes); every call has exactly one output and every output its
call, because the API refuses anything else; a thought goes back only to the provider family that sealed it.
"""

from __future__ import annotations

from typing import Any

from sekisho.canonical.request import (
    CacheMark,
    Document,
    Image,
    Message,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sekisho.wire.openai_responses.schema import ORIGIN
from sekisho.wire.openai_responses.tools import Names

Item = dict[str, Any]
#: (message, part) positions in the conversation.
Position = tuple[int, int]

NO_RESULT = "No result of this call was recorded."
ERROR_PREFIX = "Error: "


class Pairs:
    """Which result answers which call, walking the conversation once; ids may come again in later turns. Only a model
    calls: what stands as a call in another's message is none.
    """

    def __init__(self, messages: tuple[Message, ...]) -> None:
        #: position of a result -> the call it answers
        self.call_of: dict[Position, ToolCall] = {}
        waiting: dict[str, list[tuple[Position, ToolCall]]] = {}
        for at, message in enumerate(messages):
            for place, part in enumerate(message.parts):
                if isinstance(part, ToolCall) and message.role == "assistant":
                    waiting.setdefault(part.id, []).append(((at, place), part))
                elif isinstance(part, ToolResult) and waiting.get(part.call_id):
                    self.call_of[at, place] = waiting[part.call_id].pop(0)[1]
        self.unanswered = {position for calls in waiting.values() for position, _ in calls}


class InputWriter:
    """Writes a conversation; `dropped` collects what had to stay behind."""

    def __init__(self, messages: tuple[Message, ...], names: Names, system_role: str) -> None:
        self.dropped: dict[str, None] = {}
        self._messages = messages
        self._pairs = Pairs(messages)
        self._names = names
        self._system_role = system_role
        self._items: list[Item] = []
        self._content: list[Item] = []

    def write(self) -> tuple[str | None, list[Item]]:
        """(`instructions`, `input`)."""
        leading = _leading(self._messages)
        instructions = "\n\n".join(self._text(part) for message in self._messages[:leading] for part in message.parts)
        for at, message in enumerate(self._messages[leading:], start=leading):
            for place, part in enumerate(message.parts):
                self._part(message.role, part, (at, place))
            self._flush(message.role)
            if message.role == "assistant":
                self._close_turn(at, message)
        return instructions or None, self._items

    def _part(self, role: str, part: Part, position: Position) -> None:
        self._mark(part)
        if isinstance(part, ToolResult):
            self._result(role, part, position)
        elif role != "assistant":
            self._content += self._said(part)
        elif isinstance(part, ToolCall):
            self._flush(role)
            self._items.append(self._call(part))
        elif isinstance(part, Text):
            self._content.append({"type": "output_text", "text": part.text, "annotations": []})
        elif isinstance(part, Refusal):
            self._content.append({"type": "refusal", "refusal": part.text})
        elif isinstance(part, Thinking) and part.signature is not None and part.origin == ORIGIN:
            self._flush(role)
            self._items.append(_thought(part, part.signature))
        else:  # a thought that this provider cannot read, or media, which an assistant cannot say here
            self.dropped[f"messages.{type(part).__name__.lower()}"] = None

    def _said(self, part: Part) -> list[Item]:
        if isinstance(part, (Text, Refusal)):
            return [{"type": "input_text", "text": part.text}]
        if isinstance(part, Image):
            return [_image(part)]
        if isinstance(part, Document):
            return self._document(part)
        self.dropped[f"messages.{type(part).__name__.lower()}"] = None
        return []

    def _document(self, part: Document) -> list[Item]:
        if part.citations:
            self.dropped["citations"] = None
        before = [] if part.context is None else [{"type": "input_text", "text": part.context}]
        if part.text is not None:  # the API takes no plain text as a file everywhere, but text always
            titled = part.text if part.name is None else f"{part.name}:\n{part.text}"
            return [*before, {"type": "input_text", "text": titled}]
        if part.url is not None:
            return [*before, {"type": "input_file", "file_url": part.url}]
        uri = f"data:{part.media_type or 'application/pdf'};base64,{part.data or ''}"
        return [*before, {"type": "input_file", "filename": part.name or "document.pdf", "file_data": uri}]

    def _call(self, part: ToolCall) -> Item:
        item: Item = {
            "type": "custom_tool_call" if part.custom else "function_call",
            "call_id": part.id,
            "name": self._names.of(part.name, part.namespace),
        }
        if part.namespace is not None:
            item["namespace"] = part.namespace
        # Arguments are JSON text in this API, also where the model wrote nothing.
        item["input" if part.custom else "arguments"] = part.arguments if part.custom else part.arguments or "{}"
        return item

    def _result(self, role: str, part: ToolResult, position: Position) -> None:
        output = self._output(part)
        call = self._pairs.call_of.get(position)
        if call is None:
            self.dropped["tool_result without its call"] = None
            self._content.append({"type": "input_text", "text": f"Result of the tool call {part.call_id}:"})
            self._content += [{"type": "input_text", "text": output}] if isinstance(output, str) else output
            return
        self._flush(role)
        kind = "custom_tool_call_output" if call.custom else "function_call_output"
        self._items.append({"type": kind, "call_id": part.call_id, "output": output})

    def _output(self, part: ToolResult) -> str | list[Item]:
        if all(isinstance(piece, Text) for piece in part.parts):
            text = "\n".join(self._text(piece) for piece in part.parts)
            return ERROR_PREFIX + text if part.is_error else text
        content = [item for piece in part.parts for item in self._said(piece)]
        return [{"type": "input_text", "text": ERROR_PREFIX.strip()}, *content] if part.is_error else content

    def _close_turn(self, at: int, message: Message) -> None:
        """A thought must be followed by what it led to, and a call by its output."""
        while self._items and self._items[-1]["type"] == "reasoning":
            self._items.pop()
            self.dropped["messages.thinking"] = None
        for place, part in enumerate(message.parts):
            if isinstance(part, ToolCall) and (at, place) in self._pairs.unanswered:
                self.dropped["tool call without its result"] = None
                kind = "custom_tool_call_output" if part.custom else "function_call_output"
                self._items.append({"type": kind, "call_id": part.id, "output": NO_RESULT})

    def _flush(self, role: str) -> None:
        if self._content:
            name = self._system_role if role == "system" else role
            self._items.append({"type": "message", "role": name, "content": self._content})
            self._content = []

    def _text(self, part: Part) -> str:
        self._mark(part)
        return part.text if isinstance(part, Text) else ""

    def _mark(self, part: Part) -> None:
        if isinstance(getattr(part, "cache", None), CacheMark):
            self.dropped["cache_control"] = None


def _leading(messages: tuple[Message, ...]) -> int:
    """How many messages at the start are `instructions`; none when nothing would be left to answer."""
    for at, message in enumerate(messages):
        if message.role != "system" or not all(isinstance(part, Text) for part in message.parts):
            return at
    return 0


def _thought(part: Thinking, signature: str) -> Item:
    item: Item = {"type": "reasoning"}
    if part.item_id is not None:
        item["id"] = part.item_id
    item["summary"] = [{"type": "summary_text", "text": part.text}] if part.text else []
    item["encrypted_content"] = signature
    return item


def _image(part: Image) -> Item:
    url = part.url if part.url is not None else f"data:{part.media_type or 'image/png'};base64,{part.data or ''}"
    return {"type": "input_image", "image_url": url, "detail": part.detail or "auto"}
