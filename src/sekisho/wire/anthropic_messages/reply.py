"""A whole Messages reply: provider's bytes -> canonical, canonical -> a caller's bytes.

Flows in and out: one JSON object. Must stay true: what goes out passes the newest official SDK's types, with every
usage field that callers count by; thoughts of another provider go out sealed, so that they survive the next turn.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from sekisho.canonical.events import Citation, StopReason
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Part, RedactedThinking, Refusal, Request, Text, Thinking, ToolCall
from sekisho.canonical.tools import tool_input, wire_names
from sekisho.canonical.usage import Usage
from sekisho.core.errors import UpstreamProtocolError
from sekisho.wire.anthropic_messages.blocks import Json
from sekisho.wire.anthropic_messages.reply_schema import KINDS, STOPS, BlockOut, MessageOut, citation_of, usage_after
from sekisho.wire.raw_text import providers_text
from sekisho.wire.thoughts import ORIGIN, signature_for_caller

_decoder = msgspec.json.Decoder(MessageOut)
_STOP_WORDS = {reason: word for word, reason in STOPS.items()}
#: The tiers that this API has a word for, beside the standard one.
_TIERS = ("priority", "batch")


def decode_reply(body: bytes) -> Reply:
    """Raises UpstreamProtocolError when `body` is not a message."""
    try:
        message = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamProtocolError("The provider's answer is not a Messages reply.") from None
    if not message.id and message.usage is None and message.stop_reason is None:
        raise UpstreamProtocolError("The provider's answer is not a Messages reply.")
    blocks = [block for block in message.content if block.type in KINDS]
    return Reply(
        id=message.id,
        model=message.model,
        parts=tuple(_part(block) for block in blocks),
        stop=STOPS.get(message.stop_reason or "end_turn", StopReason.END_TURN),
        stop_sequence=message.stop_sequence,
        usage=None if message.usage is None else usage_after(Usage(), message.usage),
        citations=tuple(
            (at, citation_of(seen))
            for at, block in enumerate(blocks)
            if block.type == "text"
            for seen in block.citations or ()
        ),
    )


def _part(block: BlockOut) -> Part:
    if block.type == "text":
        return Text(block.text or "")
    if block.type == "thinking":
        signature = block.signature or None
        return Thinking(text=block.thinking or "", signature=signature, origin=ORIGIN if signature else None)
    if block.type == "redacted_thinking":
        return RedactedThinking(block.data or "")
    return ToolCall(id=block.id or "", name=block.name or "", arguments=providers_text(block.input))


def encode_reply(reply: Reply, request: Request) -> bytes:
    """The reply for the caller who sent `request`."""
    names = caller_names(request)
    content: list[Json] = []
    for at, part in enumerate(reply.parts):
        content += _blocks(part, names, [citation for i, citation in reply.citations if i == at])
    calls = any(isinstance(part, ToolCall) for part in reply.parts)
    return msgspec.json.encode(
        {
            "id": message_id(reply.id),
            "type": "message",
            "role": "assistant",
            "model": reply.model,
            "content": content,
            "stop_reason": stop_word(reply.stop, calls=calls),
            "stop_sequence": reply.stop_sequence,
            "usage": usage_object(reply.usage or Usage()),
        }
    )


def _blocks(part: Part, names: dict[str, str], citations: list[Citation]) -> list[Json]:
    """The block of one part; none for what this API would not take back on the next turn."""
    if isinstance(part, (Text, Refusal)):
        cited = {"citations": [citation_object(citation) for citation in citations]} if citations else {}
        return [{"type": "text", "text": part.text, **cited}] if part.text or citations else []
    if isinstance(part, Thinking):
        return _thought(part)
    if isinstance(part, RedactedThinking):
        return [redacted_block(part.data)]
    if isinstance(part, ToolCall):
        name = names.get(part.name, part.name)
        return [{"type": "tool_use", "id": part.id, "name": name, "input": tool_input(part)}]
    return []


def _thought(part: Thinking) -> list[Json]:
    if part.signature is None:
        return [{"type": "thinking", "thinking": part.text, "signature": ""}] if part.text else []
    signature = signature_for_caller(part.signature, part.origin, part.item_id)
    if part.text or part.origin == ORIGIN:
        return [{"type": "thinking", "thinking": part.text, "signature": signature}]
    return [redacted_block(signature)]


def redacted_block(data: str) -> Json:
    """A thought without readable text."""
    return {"type": "redacted_thinking", "data": data}


def caller_names(request: Request) -> dict[str, str]:
    """Wire name -> the name by which the caller offered the tool."""
    return {wire: tool.name for wire, tool in wire_names(request.tools).items()}


def message_id(upstream_id: str) -> str:
    """An id of this API's form, the same for the same upstream id."""
    if upstream_id.startswith("msg_"):
        return upstream_id
    return "msg_" + hashlib.sha256(upstream_id.encode()).hexdigest()[:24]


def stop_word(stop: StopReason, *, calls: bool) -> str:
    """`stop_reason`. Some providers end with "stop" after calls; agents act on "tool_use" only."""
    if calls and stop in (StopReason.END_TURN, StopReason.STOP_SEQUENCE):
        stop = StopReason.TOOL_USE
    return _STOP_WORDS[stop]


def usage_object(usage: Usage) -> Json:
    """`usage` with every field that callers count by."""
    value: Json = {
        **usage_counts(usage),
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens - usage.cache_write_1h_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "service_tier": usage.service_tier if usage.service_tier in _TIERS else "standard",
    }
    return value


def usage_counts(usage: Usage) -> Json:
    """The counts that `message_delta` carries too."""
    value: dict[str, Any] = {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
    }
    if usage.reasoning_tokens:
        value["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return value


def citation_object(citation: Citation) -> Json:
    """A web page where there is an address, else a place in a document."""
    cited_text = citation.cited_text or ""
    if citation.url is not None:
        return {
            "type": "web_search_result_location",
            "url": citation.url,
            "title": citation.title,
            "cited_text": cited_text,
            "encrypted_index": "",
        }
    return {
        "type": "char_location",
        "document_index": 0,
        "document_title": citation.title,
        "cited_text": cited_text,
        "start_char_index": citation.start or 0,
        "end_char_index": citation.end or 0,
    }
