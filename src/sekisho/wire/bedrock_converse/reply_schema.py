"""The shapes of a Converse reply and of its stream events, read leniently (AWS API reference, Bedrock Runtime).

Flows in: a provider's bytes. Flows out: typed structs. Must stay true: a block, event or delta of a kind that is not
known yet never fails to decode.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.canonical.events import Citation, StopReason
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorClass, ErrorInfo


class _Out(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class CacheDetail(_Out, frozen=True, kw_only=True):
    ttl: str = ""
    input_tokens: int = 0


class UsageOut(_Out, frozen=True, kw_only=True):
    """Counts; `inputTokens` leaves out what the cache read or wrote."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    cache_details: list[CacheDetail] | None = None


class TextOut(_Out, frozen=True, kw_only=True):
    text: str = ""


class WebOut(_Out, frozen=True, kw_only=True):
    url: str | None = None


class LocationOut(_Out, frozen=True, kw_only=True):
    web: WebOut | None = None


class CitationOut(_Out, frozen=True, kw_only=True):
    title: str | None = None
    source: str | None = None
    source_content: list[TextOut] | None = None
    location: LocationOut | None = None


class CitedOut(_Out, frozen=True, kw_only=True):
    content: list[TextOut] | None = None
    citations: list[CitationOut] | None = None


class ReasoningTextOut(_Out, frozen=True, kw_only=True):
    text: str = ""
    signature: str | None = None


class ReasoningOut(_Out, frozen=True, kw_only=True):
    """A whole thought, or a delta of one (`text`, `signature`)."""

    reasoning_text: ReasoningTextOut | None = None
    redacted_content: str | None = None
    text: str | None = None
    signature: str | None = None


class ToolUseOut(_Out, frozen=True, kw_only=True):
    """A whole call (`input` is an object), the start of one, or a delta (`input` is a piece of its text)."""

    tool_use_id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")
    type: str | None = None


class BlockOut(_Out, frozen=True, kw_only=True):
    """A content block, or the start or a delta of one."""

    text: str | None = None
    tool_use: ToolUseOut | None = None
    reasoning_content: ReasoningOut | None = None
    citations_content: CitedOut | None = None
    citation: CitationOut | None = None


class MessageOut(_Out, frozen=True, kw_only=True):
    content: list[BlockOut] = []


class OutputOut(_Out, frozen=True, kw_only=True):
    message: MessageOut | None = None


class RouterOut(_Out, frozen=True, kw_only=True):
    invoked_model_id: str | None = None


class TraceOut(_Out, frozen=True, kw_only=True):
    prompt_router: RouterOut | None = None


class TierOut(_Out, frozen=True, kw_only=True):
    type: str | None = None


class ReplyOut(_Out, frozen=True, kw_only=True):
    """A whole reply."""

    output: OutputOut | None = None
    stop_reason: str | None = None
    usage: UsageOut | None = None
    additional_model_response_fields: Any = None
    trace: TraceOut | None = None
    service_tier: TierOut | None = None


class EventOut(_Out, frozen=True, kw_only=True):
    """The payload of any event of a stream."""

    content_block_index: int = -1
    start: BlockOut | None = None
    delta: BlockOut | None = None
    stop_reason: str | None = None
    additional_model_response_fields: Any = None
    usage: UsageOut | None = None
    trace: TraceOut | None = None
    service_tier: TierOut | None = None


_STOPS = {
    "end_turn": StopReason.END_TURN,
    "tool_use": StopReason.TOOL_USE,
    "max_tokens": StopReason.MAX_TOKENS,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "content_filtered": StopReason.REFUSAL,
    "guardrail_intervened": StopReason.REFUSAL,
    "model_context_window_exceeded": StopReason.CONTEXT_WINDOW,
}
#: Answers that Bedrock could not read itself. An agent would take the end of a turn for the end of its work.
_FAILURES = ("malformed_model_output", "malformed_tool_use")
#: A tool that the provider ran by itself: its calls and results have no canonical word.
SERVER_TOOL = "server_tool_use"


def stop_of(word: str | None) -> StopReason | ErrorInfo:
    """The canonical reason, or the failure that it is; an unknown word is the end of the turn."""
    if word in _FAILURES:
        message = f"The provider could not read the model's answer: {word}. Try again."
        return ErrorInfo(error_class=ErrorClass.UPSTREAM_ERROR, message=message, status=502, code=word)
    return _STOPS.get(word or "", StopReason.END_TURN)


def usage_of(reported: UsageOut, tier: TierOut | None = None) -> Usage:
    """The counts as canonical ones."""
    written = max(0, reported.cache_write_input_tokens or 0)
    long_lived = sum(max(0, detail.input_tokens) for detail in reported.cache_details or () if detail.ttl == "1h")
    return Usage(
        input_tokens=max(0, reported.input_tokens or 0),
        cache_read_tokens=max(0, reported.cache_read_input_tokens or 0),
        cache_write_tokens=written,
        cache_write_1h_tokens=min(long_lived, written),
        output_tokens=max(0, reported.output_tokens or 0),
        service_tier=tier.type if tier is not None else None,
    )


def served_model_of(trace: TraceOut | None) -> str | None:
    """The model that a prompt router chose; Converse names no other."""
    return trace.prompt_router.invoked_model_id if trace is not None and trace.prompt_router is not None else None


def stop_sequence_of(fields: Any) -> str | None:
    """The stop sequence that ended the answer, where the request asked for it."""
    value = fields.get("stop_sequence") if isinstance(fields, dict) else None
    return value if isinstance(value, str) else None


def citation_of(seen: CitationOut) -> Citation:
    """A citation covers its whole block here; its numbers are places in the source, so they are not kept."""
    url = seen.location.web.url if seen.location is not None and seen.location.web is not None else None
    if url is None and (seen.source or "").startswith(("http://", "https://")):
        url = seen.source
    texts = [piece.text for piece in seen.source_content or ()]
    return Citation(url=url, title=seen.title, cited_text="".join(texts) if texts else None)
