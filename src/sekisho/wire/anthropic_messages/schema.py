"""The shapes of a Messages request body, as typed structs (platform.claude.com/docs/en/api/messages).

Flows in: a caller's bytes. Flows out: a `Body`, or MalformedRequest / UnsupportedFeature whose `param` is the path of
the field at fault (`messages.3.content.0.text`). Must stay true: at the top level every key is known by name, so that
none is ever lost unseen; inside blocks, keys that only tune are passed over.
"""

from __future__ import annotations

from typing import Any, Literal, NoReturn

import msgspec

from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.complaints import Complaint, decode_body, malformed

#: How a refusal names the target, which a caller's request does not know yet.
ELSEWHERE = "the API format"


class CacheControl(msgspec.Struct, frozen=True):
    """A cache breakpoint; `scope` and whatever comes next are the provider's own business."""

    ttl: str | None = None


class _Block(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    cache_control: CacheControl | None = None


class Base64Source(msgspec.Struct, frozen=True, tag_field="type", tag="base64"):
    media_type: str
    data: str


class UrlSource(msgspec.Struct, frozen=True, tag_field="type", tag="url"):
    url: str


class TextSource(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    data: str


class TextBlock(_Block, frozen=True, kw_only=True, tag="text"):
    text: str
    citations: list[Any] | None = None


class ContentSource(msgspec.Struct, frozen=True, tag_field="type", tag="content"):
    content: str | list[TextBlock]


class ImageBlock(_Block, frozen=True, kw_only=True, tag="image"):
    source: Base64Source | UrlSource


class Citations(msgspec.Struct, frozen=True):
    enabled: bool | None = None


class DocumentBlock(_Block, frozen=True, kw_only=True, tag="document"):
    source: Base64Source | UrlSource | TextSource | ContentSource
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None


class ThinkingBlock(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="thinking"):
    thinking: str
    signature: str | None = None


class RedactedThinkingBlock(msgspec.Struct, frozen=True, tag_field="type", tag="redacted_thinking"):
    data: str


class ToolUseBlock(_Block, frozen=True, kw_only=True, tag="tool_use"):
    """`input` stays the caller's own JSON text: key order and number forms belong to the cached prefix."""

    id: str
    name: str
    input: msgspec.Raw


class ToolReferenceBlock(msgspec.Struct, frozen=True, tag_field="type", tag="tool_reference"):
    """Claude Code's tool search answers with these: the named tool may be called from now on."""

    tool_name: str


class ToolResultBlock(_Block, frozen=True, kw_only=True, tag="tool_result"):
    tool_use_id: str
    content: str | list[TextBlock | ImageBlock | DocumentBlock | ToolReferenceBlock] | None = None
    is_error: bool | None = None


ContentBlock = (
    TextBlock | ImageBlock | DocumentBlock | ThinkingBlock | RedactedThinkingBlock | ToolUseBlock | ToolResultBlock
)


class MessageIn(msgspec.Struct, frozen=True):
    """One turn. `system` inside the list is an instruction at that place of the conversation."""

    role: Literal["user", "assistant", "system"]
    content: str | list[ContentBlock]


class ToolIn(msgspec.Struct, frozen=True, kw_only=True):
    """A tool of the caller (`type` absent or "custom"), or one of Anthropic's own."""

    name: str | None = None
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None
    cache_control: CacheControl | None = None
    defer_loading: bool | None = None
    eager_input_streaming: bool | None = None
    input_examples: list[Any] | None = None
    allowed_callers: list[str] | None = None


class ToolChoiceIn(msgspec.Struct, frozen=True):
    type: Literal["auto", "any", "none", "tool"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingEnabled(msgspec.Struct, frozen=True, tag_field="type", tag="enabled"):
    budget_tokens: int
    display: str | None = None


class ThinkingAdaptive(msgspec.Struct, frozen=True, tag_field="type", tag="adaptive"):
    display: str | None = None


class ThinkingDisabled(msgspec.Struct, frozen=True, tag_field="type", tag="disabled"):
    pass


class JsonFormat(msgspec.Struct, frozen=True, tag_field="type", tag="json_schema"):
    schema: dict[str, Any]


class OutputConfig(msgspec.Struct, frozen=True):
    effort: str | None = None
    format: JsonFormat | None = None
    task_budget: Any = None


class Metadata(msgspec.Struct, frozen=True):
    user_id: str | None = None


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every top-level key that is known: those converted, those that only tune, those that must be refused."""

    model: str
    max_tokens: int
    messages: list[MessageIn]
    system: str | list[TextBlock] | None = None
    tools: list[ToolIn] | None = None
    tool_choice: ToolChoiceIn | None = None
    thinking: ThinkingEnabled | ThinkingAdaptive | ThinkingDisabled | None = None
    output_config: OutputConfig | None = None
    output_format: JsonFormat | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    metadata: Metadata | None = None
    service_tier: str | None = None
    stream: bool | None = None
    # They only tune how this API works, and are named as untranslated.
    billing_policy: Any = None
    cache_control: Any = None
    compaction: Any = None
    context_management: Any = None
    diagnostics: Any = None
    fallback_credit_token: Any = None
    fallbacks: Any = None
    speed: Any = None
    # They change what is answered or where, and are refused.
    container: Any = None
    inference_geo: Any = None
    mcp_servers: Any = None
    thread: Any = None
    # The version and betas of this API itself, where a client puts them into the body.
    anthropic_beta: Any = None
    anthropic_version: Any = None
    betas: Any = None


TUNING = (
    "billing_policy",
    "cache_control",
    "compaction",
    "context_management",
    "diagnostics",
    "fallback_credit_token",
    "fallbacks",
    "speed",
)
REFUSED = ("container", "inference_geo", "mcp_servers", "thread")

_decoder = msgspec.json.Decoder(Body)


def read_body(body: bytes) -> Body:
    """Raises MalformedRequest or UnsupportedFeature with `param` naming the field."""
    return decode_body(_decoder.decode, body, _explain)


def _explain(complaint: Complaint) -> NoReturn:
    if complaint.unknown is not None:
        raise UnsupportedFeature(complaint.unknown, ELSEWHERE)
    if complaint.what.startswith("Invalid value") and complaint.path.rpartition(".")[2] == "type":
        advice = f"Its value is '{complaint.quoted}'." if complaint.quoted else ""
        raise UnsupportedFeature(complaint.path, ELSEWHERE, advice)
    raise malformed(complaint)
