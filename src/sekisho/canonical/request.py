"""What a caller asks, whatever its dialect: an ordered list of messages made of parts, tools, and knobs.

Flows in: a codec's reading of a request body. Flows out: what another dialect's codec writes.
Must stay true: order is kept exactly (prompt caches live on prefixes); nothing is invented; what a codec cannot say
in these words it refuses by name (`UnsupportedFeature`). System text stands in `messages` where it stood: leading
system messages are Anthropic's `system` and Responses' `instructions`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class CacheMark(msgspec.Struct, frozen=True):
    """'The prompt up to here may be cached.' `ttl` is "5m", "1h", or None for the provider's default."""

    ttl: str | None = None


class Text(msgspec.Struct, frozen=True, tag="text"):
    """Plain text."""

    text: str
    cache: CacheMark | None = None


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """Text by which the model declined (OpenAI's `refusal`)."""

    text: str


class Image(msgspec.Struct, frozen=True, kw_only=True, tag="image"):
    """One image: base64 `data` with `media_type`, or a `url`."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    detail: str | None = None
    cache: CacheMark | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True, tag="document"):
    """One document: base64 `data` with `media_type`, a `url`, or plain `text`."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    text: str | None = None
    name: str | None = None
    context: str | None = None
    citations: bool = False
    cache: CacheMark | None = None


class Thinking(msgspec.Struct, frozen=True, kw_only=True, tag="thinking"):
    """Visible reasoning of a model, or the seal that stands for hidden reasoning.

    `signature` is what the provider needs to take the thought back on the next turn: Anthropic's `signature`, or
    Responses' `encrypted_content`, or Gemini's `thoughtSignature` (a thought without text directly before the part that
    it came with); `origin` says whose ("anthropic", "openai", "gemini"; None when unsigned). `item_id` is
    Responses' `rs_…`. A signature is meaningful to its origin only: see canonical/seal.py for how it travels through
    a caller of another dialect.
    """

    text: str
    signature: str | None = None
    origin: str | None = None
    item_id: str | None = None


class RedactedThinking(msgspec.Struct, frozen=True, tag="redacted_thinking"):
    """Anthropic's encrypted thought without readable text."""

    data: str


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, tag="tool_call"):
    """The model calls a tool.

    `arguments` is the JSON text exactly as the model wrote it ("" when it wrote nothing), or, for a `custom` tool,
    free text. `namespace` and `item_id` are Responses' own.
    """

    id: str
    name: str
    arguments: str
    custom: bool = False
    namespace: str | None = None
    item_id: str | None = None
    cache: CacheMark | None = None


class ToolResult(msgspec.Struct, frozen=True, kw_only=True, tag="tool_result"):
    """What a tool answered."""

    call_id: str
    parts: tuple[Text | Image | Document, ...]
    is_error: bool = False
    custom: bool = False
    cache: CacheMark | None = None


Part = Text | Refusal | Image | Document | Thinking | RedactedThinking | ToolCall | ToolResult


class Message(msgspec.Struct, frozen=True):
    """One turn. Tool results stand in a "user" message; OpenAI's `developer` is "system"."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool the caller runs itself.

    `parameters` is a JSON schema (None: no schema given). A `custom` tool takes free text; `format` is its grammar.
    `namespace` groups tools in Responses; `description` None means none was given.
    """

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    custom: bool = False
    format: dict[str, Any] | None = None
    namespace: str | None = None
    cache: CacheMark | None = None


class ToolChoice(msgspec.Struct, frozen=True):
    """May or must a tool be called. `name` only with mode "tool"; `allowed`, with "auto" and "any", are the names of
    those that may be, None: all on offer.
    """

    mode: Literal["auto", "any", "none", "tool"]
    name: str | None = None
    allowed: tuple[str, ...] | None = None


class Reasoning(msgspec.Struct, frozen=True, kw_only=True):
    """How much to think. `enabled` False: switched off by the caller; `budget_tokens` is Anthropic's, `effort`
    OpenAI's word (none minimal low medium high xhigh max), `adaptive` Anthropic's newer mode; `summary` asks for
    readable thought; `interleaved` for thoughts between tool calls, which some models have only when asked.
    """

    enabled: bool = True
    effort: str | None = None
    budget_tokens: int | None = None
    adaptive: bool = False
    summary: str | None = None
    interleaved: bool = False


class OutputSchema(msgspec.Struct, frozen=True, kw_only=True):
    """Structured output. `schema` None: any JSON object (OpenAI's json_object)."""

    name: str | None = None
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A whole request. None means that the caller did not say, and then the target is not told either."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    verbosity: str | None = None
    reasoning: Reasoning | None = None
    output_schema: OutputSchema | None = None
    user: str | None = None
    session: str | None = None
    service_tier: str | None = None
    stream: bool = False
    include_usage: bool = False
    #: Responses: the caller asked for `reasoning.encrypted_content`.
    include_encrypted_reasoning: bool = False
    #: Names of fields that no other dialect can say and that only tune the answer (a hosted tool that is merely
    #: offered, prompt-cache hints, …). A codec that writes another dialect adds them to `Encoded.dropped`.
    untranslated: tuple[str, ...] = ()
    #: What the reply repeats to a caller of the same dialect although nothing here acts on it (Responses: tools as
    #: they were written, metadata, store, …). Keys and values are that dialect's own; no other dialect reads it.
    echo: dict[str, Any] = {}
