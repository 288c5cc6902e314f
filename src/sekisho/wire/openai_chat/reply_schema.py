"""The shapes of what a provider of this dialect answers: a whole reply, one chunk of a stream, an error beside them.

Flows in: a provider's bytes. Flows out: typed structs. Must stay true: only what is read is typed, and where vendors
differ in type the field is Any; what is absent or null reads alike. Source: OpenAI's API reference and its Python
SDK's types; the vendors named in the comments.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.wire.openai_chat.usage import UsageBody


class FunctionDelta(msgspec.Struct):
    name: str | None = None
    #: Ollama and some proxies send the arguments as an object instead of its JSON text.
    arguments: str | dict[str, Any] | None = None


class CustomDelta(msgspec.Struct):
    name: str | None = None
    input: str | None = None


class ToolCallDelta(msgspec.Struct):
    """A tool call, whole or a piece of it."""

    index: int | None = None
    id: str | None = None
    function: FunctionDelta | None = None
    custom: CustomDelta | None = None
    extra_content: Any = None


class UrlCitation(msgspec.Struct):
    url: str | None = None
    title: str | None = None
    content: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class Annotation(msgspec.Struct):
    type: str | None = None
    url_citation: UrlCitation | None = None


class MessageDelta(msgspec.Struct):
    """A message, whole or a piece of it. A list as content is Mistral's; the thought fields are the vendors'."""

    content: str | list[dict[str, Any]] | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallDelta] | None = None
    annotations: list[Annotation] | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    thinking_blocks: Any = None
    extra_content: Any = None


class Choice(msgspec.Struct):
    """A choice of a reply (`message`) or of a chunk (`delta`). Moonshot puts the usage in here."""

    message: MessageDelta | None = None
    delta: MessageDelta | None = None
    finish_reason: str | None = None
    usage: UsageBody | None = None


class ReplyBody(msgspec.Struct):
    """A whole reply or a chunk: they differ in the choices only."""

    id: str | None = None
    model: str | None = None
    created: int | float | None = None
    choices: list[Choice] | None = None
    usage: UsageBody | None = None
    service_tier: Any = None
    error: Any = None


decode_body = msgspec.json.Decoder(ReplyBody).decode


def arguments_text(value: str | dict[str, Any] | None) -> str:
    """The arguments as the JSON text that the dialect promises."""
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    return value or ""


def content_texts(content: str | list[dict[str, Any]] | None) -> tuple[str, str]:
    """(thought, text) of a message's content; a list of parts holds both."""
    if not isinstance(content, list):
        return "", content or ""
    thought, text = [], []
    for part in content:
        if part.get("type") == "thinking":
            inner = part.get("thinking")
            thought += [_text(piece) for piece in inner] if isinstance(inner, list) else [_text({"text": inner})]
        else:
            text.append(_text(part))
    return "".join(thought), "".join(text)


def _text(part: Any) -> str:
    value = part.get("text") if isinstance(part, dict) else None
    return value if isinstance(value, str) else ""
