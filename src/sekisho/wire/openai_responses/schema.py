"""The shapes of replies and stream events that this dialect reads, as typed structs that pass over the rest.

Flows in: JSON of a provider. Flows out: typed values, and their canonical meaning: usage, stop reason, parts. Must stay
true: every field may be absent or null (thin servers leave out much); items of unknown type are passed over.
Source: openai SDK types and Open Responses 2026-04-24.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from sekisho.canonical.events import Citation, StopReason
from sekisho.canonical.request import Part, Refusal, Text, Thinking, ToolCall
from sekisho.canonical.usage import Usage, word
from sekisho.core.errors import UpstreamProtocolError

#: Whose sealed thoughts this dialect carries: canonical `origin`.
ORIGIN = "openai"


class Kind(msgspec.Struct):
    """What every item, part and event has."""

    type: str | None = None


class Annotation(msgspec.Struct):
    """A source of a text: url_citation, file_citation, container_file_citation."""

    type: str | None = None
    url: str | None = None
    title: str | None = None
    filename: str | None = None
    start_index: int | None = None
    end_index: int | None = None

    def citation(self) -> Citation:
        """The same in the canonical vocabulary."""
        title = self.title if self.title is not None else self.filename
        return Citation(url=self.url, title=title, start=self.start_index, end=self.end_index)


class Piece(msgspec.Struct):
    """A content part of a message, or a summary or content part of a thought."""

    type: str | None = None
    text: str | None = None
    refusal: str | None = None
    annotations: list[Annotation] | None = None


class MessageItem(msgspec.Struct):
    """type: message."""

    content: list[Piece] | None = None


class ReasoningItem(msgspec.Struct):
    """type: reasoning."""

    id: str | None = None
    summary: list[Piece] | None = None
    content: list[Piece] | None = None
    encrypted_content: str | None = None

    def shown(self) -> str:
        """What may be read of the thought: its summary, or itself where a provider shows it."""
        return "\n\n".join(piece.text or "" for piece in self.summary or self.content or [])


class CallItem(msgspec.Struct):
    """type: function_call (`arguments`) or custom_tool_call (`input`)."""

    type: str
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | None = None
    input: str | None = None

    @property
    def custom(self) -> bool:
        """Whether it is a call of a custom tool."""
        return self.type == "custom_tool_call"

    def text(self) -> str:
        """Its arguments, or its free text."""
        return (self.input if self.custom else self.arguments) or ""


Item = MessageItem | ReasoningItem | CallItem
ITEM_TYPES: dict[str, type[MessageItem | ReasoningItem | CallItem]] = {
    "message": MessageItem,
    "reasoning": ReasoningItem,
    "function_call": CallItem,
    "custom_tool_call": CallItem,
}


class InputDetails(msgspec.Struct):
    """usage.input_tokens_details."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    """usage.output_tokens_details."""

    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """usage."""

    input_tokens: int | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None

    def usage(self, tier: str | None = None) -> Usage:
        """Canonical counts: what was cached is taken out of the input."""
        given, made = self.input_tokens_details or InputDetails(), self.output_tokens_details or OutputDetails()
        read, written = _count(given.cached_tokens), _count(given.cache_write_tokens)
        return Usage(
            input_tokens=max(0, _count(self.input_tokens) - read - written),
            cache_read_tokens=read,
            cache_write_tokens=written,
            output_tokens=_count(self.output_tokens),
            reasoning_tokens=_count(made.reasoning_tokens),
            service_tier=tier,
        )


def _count(given: int | None) -> int:
    """A count that makes no sense is none: it would be booked as money back."""
    return max(0, given or 0)


class WireError(msgspec.Struct):
    """error of a response, and the `error` event."""

    code: str | int | None = None
    message: str | None = None
    type: str | None = None
    param: str | None = None


class Incomplete(msgspec.Struct):
    """incomplete_details."""

    reason: str | None = None


class WireResponse(msgspec.Struct):
    """A response object, whole or as it stands in an event."""

    id: str | None = None
    object: str | None = None
    model: str | None = None
    created_at: float | None = None
    status: str | None = None
    output: list[msgspec.Raw] | None = None
    usage: WireUsage | None = None
    error: WireError | None = None
    incomplete_details: Incomplete | None = None
    service_tier: Any = None

    @property
    def counted(self) -> Usage | None:
        """Its usage, with how it was served."""
        return None if self.usage is None else self.usage.usage(word(self.service_tier))

    @property
    def created_seconds(self) -> int | None:
        """`created_at` as whole seconds; some servers send a fraction."""
        return int(self.created_at) if self.created_at is not None else None

    def stop(self, *, called: bool, refused: bool) -> StopReason:
        """Why the model stopped; a completed response with a tool call waits for the tool, one that declines in words
        is a refusal.
        """
        if self.status == "incomplete":
            reason = self.incomplete_details.reason if self.incomplete_details is not None else None
            return _INCOMPLETE.get(reason, StopReason.END_TURN)
        if called:
            return StopReason.TOOL_USE
        return StopReason.REFUSAL if refused else StopReason.END_TURN


_INCOMPLETE: dict[str | None, StopReason] = {
    "max_output_tokens": StopReason.MAX_TOKENS,
    "content_filter": StopReason.REFUSAL,
}

T = TypeVar("T")


def decode(data: bytes | msgspec.Raw, shape: type[T]) -> T:
    """`data` as `shape`. Raises UpstreamProtocolError."""
    try:
        return msgspec.json.decode(data, type=shape)
    except (ValueError, RecursionError):
        raise UpstreamProtocolError(f"The provider sent what is no {shape.__name__} of the Responses API.") from None


def decode_item(raw: bytes | msgspec.Raw) -> Item | None:
    """An output item, or None for a type that has no place in other dialects (a hosted tool's own call, …)."""
    shape = ITEM_TYPES.get(decode(raw, Kind).type or "")
    return decode(raw, shape) if shape is not None else None


def parts_of(item: Item) -> Iterator[tuple[Part, list[Annotation]]]:
    """The canonical parts of an item, each with its sources."""
    if isinstance(item, CallItem):
        yield _call(item), []
    elif isinstance(item, ReasoningItem):
        text, sealed = item.shown(), item.encrypted_content
        if text or sealed is not None:
            origin = ORIGIN if sealed is not None else None
            yield Thinking(text=text, signature=sealed, origin=origin, item_id=item.id), []
    else:
        for piece in item.content or []:
            if piece.type == "refusal":
                yield Refusal(piece.refusal or ""), []
            elif piece.type == "output_text":
                yield Text(piece.text or ""), piece.annotations or []


def _call(item: CallItem) -> ToolCall:
    return ToolCall(
        id=item.call_id or item.id or "",
        name=item.name or "",
        arguments=item.text(),
        custom=item.custom,
        namespace=item.namespace,
        item_id=item.id,
    )
