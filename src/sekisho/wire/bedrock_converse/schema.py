"""The shapes of a Converse request body, as typed structs (AWS API reference, Bedrock Runtime: Converse).

Flows in: a caller's bytes. Flows out: a `Body`, or MalformedRequest / UnsupportedFeature whose `param` is the path of
the field at fault (`messages.3.content.0.video`). Must stay true: at the top level and in every union each key is known
by name, so that none is ever lost unseen; blobs stay the base64 text that stands in the JSON.
"""

from __future__ import annotations

from typing import Any, Literal, NoReturn

import msgspec

from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.bedrock_converse.additional import Additional
from sekisho.wire.complaints import Complaint, decode_body, malformed

#: How a refusal names the target, which a caller's request does not know yet.
ELSEWHERE = "the API format"


class _Lenient(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Inside what is understood, keys that only tune are passed over."""


class _Strict(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A key that is not known might change what is meant."""


class CachePoint(_Lenient, frozen=True, kw_only=True):
    ttl: str | None = None


class TextIn(_Lenient, frozen=True, kw_only=True):
    text: str


class Source(_Strict, frozen=True, kw_only=True):
    """A union: where the contents of an image or a document are."""

    bytes: str | None = None
    text: str | None = None
    content: list[TextIn] | None = None
    s3_location: Any = None


class ImageIn(_Lenient, frozen=True, kw_only=True):
    format: str
    source: Source


class CitationsIn(_Lenient, frozen=True, kw_only=True):
    enabled: bool = False


class DocumentIn(_Lenient, frozen=True, kw_only=True):
    name: str
    source: Source
    format: str | None = None
    context: str | None = None
    citations: CitationsIn | None = None


class SearchResultIn(_Lenient, frozen=True, kw_only=True):
    source: str
    title: str
    content: list[TextIn]
    citations: CitationsIn | None = None


class ToolUseIn(_Lenient, frozen=True, kw_only=True):
    """`input` stays the caller's own JSON text: key order and number forms belong to the cached prefix."""

    tool_use_id: str
    name: str
    input: msgspec.Raw
    type: str | None = None


class ResultContent(_Strict, frozen=True, kw_only=True):
    """A union: one piece of what a tool answered."""

    text: str | None = None
    json: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    image: ImageIn | None = None
    document: DocumentIn | None = None
    search_result: SearchResultIn | None = None
    video: Any = None


class ToolResultIn(_Lenient, frozen=True, kw_only=True):
    tool_use_id: str
    content: list[ResultContent]
    status: str | None = None


class ReasoningTextIn(_Lenient, frozen=True, kw_only=True):
    text: str
    signature: str | None = None


class ReasoningIn(_Strict, frozen=True, kw_only=True):
    """A union: a thought that can be read, or one that cannot."""

    reasoning_text: ReasoningTextIn | None = None
    redacted_content: str | None = None


class CitedIn(_Lenient, frozen=True, kw_only=True):
    content: list[TextIn] = []
    citations: list[Any] = []


class GuardedIn(_Strict, frozen=True, kw_only=True):
    """A union: contents marked for a guardrail."""

    text: TextIn | None = None
    image: ImageIn | None = None


class ContentIn(_Strict, frozen=True, kw_only=True):
    """A union: one block of a message."""

    text: str | None = None
    image: ImageIn | None = None
    document: DocumentIn | None = None
    tool_use: ToolUseIn | None = None
    tool_result: ToolResultIn | None = None
    cache_point: CachePoint | None = None
    reasoning_content: ReasoningIn | None = None
    citations_content: CitedIn | None = None
    search_result: SearchResultIn | None = None
    guard_content: GuardedIn | None = None
    # No other API has them.
    audio: Any = None
    video: Any = None
    tool_addition: Any = None
    tool_removal: Any = None


class SystemIn(_Strict, frozen=True, kw_only=True):
    """A union: one block of the system prompt."""

    text: str | None = None
    cache_point: CachePoint | None = None
    guard_content: GuardedIn | None = None


class MessageIn(_Strict, frozen=True, kw_only=True):
    role: Literal["user", "assistant", "system"]
    content: list[ContentIn]


class InputSchema(_Strict, frozen=True, kw_only=True):
    json: dict[str, Any]


class ToolSpec(_Strict, frozen=True, kw_only=True):
    name: str
    input_schema: InputSchema
    description: str | None = None
    strict: bool | None = None


class ToolIn(_Strict, frozen=True, kw_only=True):
    """A union: a tool of the caller, a mark behind one, or a tool that the provider runs."""

    tool_spec: ToolSpec | None = None
    cache_point: CachePoint | None = None
    system_tool: Any = None


class NamedTool(_Lenient, frozen=True, kw_only=True):
    name: str


class ToolChoiceIn(_Strict, frozen=True, kw_only=True):
    """A union."""

    auto: dict[str, Any] | None = None
    any: dict[str, Any] | None = None
    tool: NamedTool | None = None


class ToolConfig(_Strict, frozen=True, kw_only=True):
    tools: list[ToolIn]
    tool_choice: ToolChoiceIn | None = None


class InferenceConfig(_Strict, frozen=True, kw_only=True):
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: list[str] | None = None


class JsonSchemaIn(_Lenient, frozen=True, kw_only=True):
    """`schema` is JSON in a string."""

    schema: str
    name: str | None = None
    description: str | None = None


class Structure(_Strict, frozen=True, kw_only=True):
    json_schema: JsonSchemaIn


class TextFormat(_Strict, frozen=True, kw_only=True):
    type: Literal["json_schema"]
    structure: Structure


class OutputConfig(_Strict, frozen=True, kw_only=True):
    text_format: TextFormat | None = None
    effort: str | None = None


class Named(_Lenient, frozen=True, kw_only=True):
    """A service tier, or a latency."""

    type: str | None = None
    latency: str | None = None


class Body(_Strict, frozen=True, kw_only=True):
    """Every top-level key: those converted, those that only tune, those that must be refused."""

    messages: list[MessageIn] = []
    system: list[SystemIn] | None = None
    inference_config: InferenceConfig | None = None
    tool_config: ToolConfig | None = None
    additional_model_request_fields: Additional = Additional()
    additional_model_response_field_paths: list[str] | None = None
    output_config: OutputConfig | None = None
    request_metadata: dict[str, str] | None = None
    service_tier: Named | None = None
    performance_config: Named | None = None
    # They change what is answered, and only Bedrock has them.
    guardrail_config: Any = None
    prompt_variables: Any = None


REFUSED = {"guardrail_config": "guardrailConfig", "prompt_variables": "promptVariables"}

_decoder = msgspec.json.Decoder(Body)


def read_body(body: bytes) -> Body:
    """Raises MalformedRequest or UnsupportedFeature with `param` naming the field."""
    return decode_body(_decoder.decode, body, _explain)


def _explain(complaint: Complaint) -> NoReturn:
    if complaint.unknown is not None:
        raise UnsupportedFeature(f"{complaint.path}.{complaint.unknown}".lstrip("."), ELSEWHERE)
    raise malformed(complaint)
