"""A whole Converse reply: provider's bytes -> canonical, canonical -> a caller's bytes.

Flows in and out: one JSON object. Must stay true: what goes out passes botocore's model of the API, with every count
that callers read; thoughts of another provider go out sealed, so that they survive the next turn. Converse names
neither an answer's id nor its model: both are empty, and whoever knows them fills them in.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

from sekisho.canonical.events import Citation, StopReason
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Part, RedactedThinking, Refusal, Request, Text, Thinking, ToolCall
from sekisho.canonical.tools import tool_input, wire_names
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorInfo, UpstreamProtocolError
from sekisho.wire.bedrock_converse.blocks import Json
from sekisho.wire.bedrock_converse.media import redacted_content, sealed_content
from sekisho.wire.bedrock_converse.reply_schema import (
    SERVER_TOOL,
    BlockOut,
    ReplyOut,
    citation_of,
    served_model_of,
    stop_of,
    stop_sequence_of,
    usage_of,
)
from sekisho.wire.bedrock_converse.request import PATHS_KEY, STOP_SEQUENCE_PATH
from sekisho.wire.raw_text import providers_text
from sekisho.wire.thoughts import ORIGIN, signature_for_caller

_decoder = msgspec.json.Decoder(ReplyOut)
_STOP_WORDS = {
    StopReason.END_TURN: "end_turn",
    StopReason.MAX_TOKENS: "max_tokens",
    StopReason.STOP_SEQUENCE: "stop_sequence",
    StopReason.TOOL_USE: "tool_use",
    StopReason.REFUSAL: "content_filtered",
    StopReason.CONTEXT_WINDOW: "model_context_window_exceeded",
    StopReason.PAUSE: "end_turn",
}


def decode_reply(body: bytes) -> Reply:
    """Raises UpstreamProtocolError when `body` is not a Converse reply, or one that Bedrock could not read itself."""
    try:
        reply = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamProtocolError("The provider's answer is not a Converse reply.") from None
    if reply.output is None or reply.stop_reason is None:
        raise UpstreamProtocolError("The provider's answer is not a Converse reply.")
    stop = stop_of(reply.stop_reason)
    if isinstance(stop, ErrorInfo):
        raise UpstreamProtocolError(stop.message, code=stop.code)
    parts: list[Part] = []
    citations: list[tuple[int, Citation]] = []
    for block in reply.output.message.content if reply.output.message is not None else ():
        part = _part(block)
        if part is None:
            continue
        if block.citations_content is not None:
            citations += [(len(parts), citation_of(seen)) for seen in block.citations_content.citations or ()]
        parts.append(part)
    return Reply(
        id="",
        model=served_model_of(reply.trace) or "",
        parts=tuple(parts),
        stop=stop,
        stop_sequence=stop_sequence_of(reply.additional_model_response_fields),
        usage=None if reply.usage is None else usage_of(reply.usage, reply.service_tier),
        citations=tuple(citations),
    )


def _part(block: BlockOut) -> Part | None:
    """The part of one block; None for kinds that have no canonical word."""
    if block.text is not None:
        return Text(block.text)
    if block.citations_content is not None:
        return Text("".join(piece.text for piece in block.citations_content.content or ()))
    if block.tool_use is not None and block.tool_use.type != SERVER_TOOL:
        call = block.tool_use
        return ToolCall(id=call.tool_use_id, name=call.name, arguments=providers_text(call.input))
    thought = block.reasoning_content
    if thought is not None and thought.redacted_content is not None:
        return RedactedThinking(thought.redacted_content)
    if thought is not None and thought.reasoning_text is not None:
        signature = thought.reasoning_text.signature or None
        origin = ORIGIN if signature else None
        return Thinking(text=thought.reasoning_text.text, signature=signature, origin=origin)
    return None


def encode_reply(reply: Reply, request: Request) -> bytes:
    """The reply for the caller who sent `request`."""
    names = caller_names(request)
    content: list[Json] = []
    for at, part in enumerate(reply.parts):
        content += _blocks(part, names, [citation for i, citation in reply.citations if i == at])
    calls = any(isinstance(part, ToolCall) for part in reply.parts)
    value: Json = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_word(reply.stop, calls=calls),
        **response_fields(request, reply.stop_sequence),
        **counts(reply.usage or Usage()),
    }
    return msgspec.json.encode(value)


def _blocks(part: Part, names: dict[str, str], citations: list[Citation]) -> list[Json]:
    """The block of one part; none for what this API would not take back on the next turn."""
    if isinstance(part, (Text, Refusal)):
        if citations:
            cited = [citation_object(citation) for citation in citations]
            return [{"citationsContent": {"content": [{"text": part.text}], "citations": cited}}]
        return [{"text": part.text}] if part.text else []
    if isinstance(part, Thinking):
        return _thought(part)
    if isinstance(part, RedactedThinking):
        return [{"reasoningContent": {"redactedContent": redacted_content(part.data)}}]
    if isinstance(part, ToolCall):
        name = names.get(part.name, part.name)
        return [{"toolUse": {"toolUseId": part.id, "name": name, "input": tool_input(part)}}]
    return []


def _thought(part: Thinking) -> list[Json]:
    if part.signature is None:
        return [{"reasoningContent": {"reasoningText": {"text": part.text}}}] if part.text else []
    signature = signature_for_caller(part.signature, part.origin, part.item_id)
    if part.text or part.origin == ORIGIN:
        return [{"reasoningContent": {"reasoningText": {"text": part.text, "signature": signature}}}]
    return [{"reasoningContent": {"redactedContent": sealed_content(signature)}}]


def caller_names(request: Request) -> dict[str, str]:
    """Wire name -> the name by which the caller offered the tool."""
    return {wire: tool.name for wire, tool in wire_names(request.tools).items()}


def stop_word(stop: StopReason, *, calls: bool) -> str:
    """`stopReason`. Some providers end with "stop" after calls; agents act on "tool_use" only."""
    if calls and stop in (StopReason.END_TURN, StopReason.STOP_SEQUENCE):
        stop = StopReason.TOOL_USE
    return _STOP_WORDS[stop]


def response_fields(request: Request, stop_sequence: str | None) -> Json:
    """`additionalModelResponseFields`, as far as the caller asked for one that is known."""
    paths = request.echo.get(PATHS_KEY)
    if not isinstance(paths, list) or STOP_SEQUENCE_PATH not in paths:
        return {}
    return {"additionalModelResponseFields": {"stop_sequence": stop_sequence}}


def counts(usage: Usage) -> Json:
    """`usage` and `metrics`: callers require both. How long the provider took is not known here."""
    value: dict[str, Any] = {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
        "cacheReadInputTokens": usage.cache_read_tokens,
        "cacheWriteInputTokens": usage.cache_write_tokens,
    }
    by_life = {"1h": usage.cache_write_1h_tokens, "5m": usage.cache_write_tokens - usage.cache_write_1h_tokens}
    details = [{"ttl": ttl, "inputTokens": tokens} for ttl, tokens in by_life.items() if tokens]
    if details:
        value["cacheDetails"] = details
    return {"usage": value, "metrics": {"latencyMs": 0}}


def citation_object(citation: Citation) -> Json:
    """A web page where there is an address, else a place in a document."""
    value: Json = {"title": citation.title} if citation.title is not None else {}
    if citation.cited_text is not None:
        value["sourceContent"] = [{"text": citation.cited_text}]
    if citation.url is not None:
        value["location"] = {"web": {"url": citation.url, "domain": _domain(citation.url)}}
    else:
        start, end = citation.start or 0, citation.end or 0
        value["location"] = {"documentChar": {"documentIndex": 0, "start": start, "end": end}}
    return value


def _domain(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
