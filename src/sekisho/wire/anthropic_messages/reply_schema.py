"""The shapes of a Messages reply and of its stream events, read leniently (platform.claude.com/docs/en/api/messages).

Flows in: a provider's bytes. Flows out: typed structs. Must stay true: a block, event or delta of a kind that is not
known yet never fails to decode; servers that imitate this API may leave out what it always sends.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.canonical.events import Citation, StopReason
from sekisho.canonical.usage import Usage, word


class CacheCreation(msgspec.Struct, frozen=True):
    ephemeral_1h_input_tokens: int | None = None


class OutputDetails(msgspec.Struct, frozen=True):
    thinking_tokens: int | None = None


class UsageOut(msgspec.Struct, frozen=True, kw_only=True):
    """Counts; in a stream cumulative, and absent where they have not changed."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None
    #: How the call was served; `speed` is "fast" in fast mode, which has a price of its own.
    service_tier: Any = None
    speed: Any = None
    inference_geo: Any = None


class CitationOut(msgspec.Struct, frozen=True, kw_only=True):
    """Every kind of citation at once: web pages, search results, documents."""

    url: str | None = None
    source: str | None = None
    title: str | None = None
    document_title: str | None = None
    cited_text: str | None = None


class BlockOut(msgspec.Struct, frozen=True, kw_only=True):
    """A content block of any kind; only the keys of the known kinds are looked at."""

    type: str
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = msgspec.Raw(b"{}")
    citations: list[CitationOut] | None = None


class MessageOut(msgspec.Struct, frozen=True, kw_only=True):
    """A whole reply, or the head of a stream."""

    id: str = ""
    model: str = ""
    content: list[BlockOut] = []
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: UsageOut | None = None


class DeltaOut(msgspec.Struct, frozen=True, kw_only=True):
    """A delta of a block, or of the message."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    citation: CitationOut | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class EventOut(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a stream, whatever its type."""

    type: str = ""
    index: int = -1
    message: MessageOut | None = None
    content_block: BlockOut | None = None
    delta: DeltaOut | None = None
    usage: UsageOut | None = None
    error: Any = None


STOPS = {
    "end_turn": StopReason.END_TURN,
    "max_tokens": StopReason.MAX_TOKENS,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "tool_use": StopReason.TOOL_USE,
    "refusal": StopReason.REFUSAL,
    "pause_turn": StopReason.PAUSE,
    "model_context_window_exceeded": StopReason.CONTEXT_WINDOW,
}
#: Kinds of blocks that have a canonical word. Others (hosted tools and their results) are passed over.
KINDS = ("text", "thinking", "redacted_thinking", "tool_use")


def usage_after(before: Usage, reported: UsageOut) -> Usage:
    """The count after a report: what it names replaces what was known, nothing is added."""
    life, details = reported.cache_creation, reported.output_tokens_details
    written = _newer(reported.cache_creation_input_tokens, before.cache_write_tokens)
    long_lived = _newer(life.ephemeral_1h_input_tokens if life is not None else None, before.cache_write_1h_tokens)
    return Usage(
        input_tokens=_newer(reported.input_tokens, before.input_tokens),
        cache_read_tokens=_newer(reported.cache_read_input_tokens, before.cache_read_tokens),
        cache_write_tokens=written,
        cache_write_1h_tokens=min(long_lived, written),
        output_tokens=_newer(reported.output_tokens, before.output_tokens),
        reasoning_tokens=_newer(details.thinking_tokens if details is not None else None, before.reasoning_tokens),
        service_tier="fast" if reported.speed == "fast" else word(reported.service_tier) or before.service_tier,
        inference_geo=word(reported.inference_geo) or before.inference_geo,
    )


def _newer(reported: int | None, before: int) -> int:
    return before if reported is None else max(0, reported)


def citation_of(seen: CitationOut) -> Citation:
    """A citation covers its whole block here; its numbers are places in the source, so they are not kept."""
    url = seen.url
    if url is None and seen.source is not None and seen.source.startswith(("http://", "https://")):
        url = seen.source
    return Citation(url=url, title=seen.title or seen.document_title, cited_text=seen.cited_text)
