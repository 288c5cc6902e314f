"""The shapes of a generateContent reply, which is also one chunk of a stream (ai.google.dev/api/generate-content).

Flows in: a provider's bytes. Flows out: typed structs. Must stay true: a part or field of a kind that is not known yet
never fails to decode; enumerations may be numbers (Vertex AI's `enum-encoding=int`).
"""

from __future__ import annotations

from typing import Any

import msgspec

Count = int | float | None
#: What reading any bytes may raise.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A message of the API."""


class CallOut(_Wire, frozen=True, kw_only=True):
    """`args` stays the model's own JSON text."""

    id: str | None = None
    name: str | None = None
    args: msgspec.Raw = msgspec.Raw(b"{}")


class PartOut(_Wire, frozen=True, kw_only=True):
    """A part of any kind; only the known kinds are looked at."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: CallOut | None = None


class ContentOut(_Wire, frozen=True, kw_only=True):
    parts: list[PartOut] | None = None


class Web(_Wire, frozen=True, kw_only=True):
    """A source: a web page, a document of a store, or a place on a map."""

    uri: str | None = None
    title: str | None = None


class GroundingChunk(_Wire, frozen=True, kw_only=True):
    web: Web | None = None
    retrieved_context: Web | None = None
    maps: Web | None = None


class Segment(_Wire, frozen=True, kw_only=True):
    """A stretch of the answer; its offsets count bytes of UTF-8."""

    start_index: Count = None
    end_index: Count = None
    text: str | None = None


class GroundingSupport(_Wire, frozen=True, kw_only=True):
    segment: Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class Grounding(_Wire, frozen=True, kw_only=True):
    grounding_chunks: list[GroundingChunk] | None = None
    grounding_supports: list[GroundingSupport] | None = None


class CitationSource(_Wire, frozen=True, kw_only=True):
    start_index: Count = None
    end_index: Count = None
    uri: str | None = None
    title: str | None = None


class CitationMetadata(_Wire, frozen=True, kw_only=True):
    """`citations` on Vertex AI, `citationSources` on the Gemini API."""

    citations: list[CitationSource] | None = None
    citation_sources: list[CitationSource] | None = None


class CandidateOut(_Wire, frozen=True, kw_only=True):
    index: int | None = None
    content: ContentOut | None = None
    finish_reason: str | int | None = None
    grounding_metadata: Grounding | None = None
    citation_metadata: CitationMetadata | None = None

    def has_sources(self) -> bool:
        """Whether it names what its text cites."""
        return self.grounding_metadata is not None or self.citation_metadata is not None


class PromptFeedback(_Wire, frozen=True, kw_only=True):
    block_reason: str | int | None = None


class UsageOut(_Wire, frozen=True, kw_only=True):
    """Counts; in a stream cumulative. `serviceTier` is the Gemini API's, `trafficType` Vertex AI's."""

    prompt_token_count: Count = None
    cached_content_token_count: Count = None
    candidates_token_count: Count = None
    thoughts_token_count: Count = None
    tool_use_prompt_token_count: Count = None
    service_tier: Any = None
    traffic_type: Any = None


class ChunkOut(_Wire, frozen=True, kw_only=True):
    """A whole reply, or one chunk of a stream."""

    candidates: list[CandidateOut] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: UsageOut | None = None
    model_version: str | None = None
    response_id: str | None = None
    create_time: str | None = None
    error: Any = None

    def says_something(self) -> bool:
        """Whether this is an answer at all, and not some other JSON object."""
        return bool(self.candidates) or self.prompt_feedback is not None or self.usage_metadata is not None

    def candidate(self) -> CandidateOut | None:
        """The first answer: no more are asked for across dialects."""
        return next((one for one in self.candidates or () if not one.index), None)


decode_chunk = msgspec.json.Decoder(ChunkOut).decode
