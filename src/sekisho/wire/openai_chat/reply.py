"""Whole replies, both ways.

Flows in: a provider's reply, or a canonical Reply with the caller's own request. Flows out: the other one.
Must stay true: text, thought, calls and counts are the provider's; tools have the caller's own names and kinds again;
every field that newest clients require is there, null where it has nothing to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Part, Refusal, Request, Text, Thinking, ToolCall
from sekisho.core.errors import UpstreamProtocolError
from sekisho.wire.dialect import ReplyFacts
from sekisho.wire.openai_chat.citations import read_citation, write_citation
from sekisho.wire.openai_chat.errors import read_error
from sekisho.wire.openai_chat.google import placed, signatures, write_signature
from sekisho.wire.openai_chat.identifiers import call_id, reply_id
from sekisho.wire.openai_chat.names import CallerTools
from sekisho.wire.openai_chat.reply_schema import (
    FunctionDelta,
    MessageDelta,
    ReplyBody,
    ToolCallDelta,
    arguments_text,
    content_texts,
    decode_body,
)
from sekisho.wire.openai_chat.stops import read_stop, write_stop
from sekisho.wire.openai_chat.thoughts import read_thoughts, reasoning_text, write_blocks
from sekisho.wire.openai_chat.usage import read_usage, write_tier, write_usage

Body = dict[str, Any]


class _Unreadable(UpstreamProtocolError):
    """Not the bytes of a chat completion, or one of a shape that is not known yet."""


def read_body(body: bytes) -> ReplyBody:
    """The typed reply. Raises UpstreamProtocolError for other bytes, and for an error that came with status 200."""
    try:
        typed = decode_body(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _Unreadable("The provider's answer is not a chat completion.") from None
    if typed.error is not None and not typed.choices:
        info = read_error({"error": typed.error}, 200)
        raise UpstreamProtocolError(
            f"The provider answered with an error: {info.message}",
            code=info.code,
            status=info.status,
            error_class=info.error_class,
        )
    return typed


def decode_reply(body: bytes) -> Reply:
    """The first choice of a reply. Raises UpstreamProtocolError."""
    typed = read_body(body)
    if not typed.choices:
        raise UpstreamProtocolError("The provider's answer has no choices.")
    choice = typed.choices[0]
    message = choice.message or MessageDelta()
    parts = _parts(message, typed.id or "")
    texts = [at for at, part in enumerate(parts) if isinstance(part, Text)]
    citations = [read_citation(note) for note in message.annotations or ()] if texts else []
    return Reply(
        id=typed.id or "",
        model=typed.model or "",
        parts=tuple(parts),
        stop=read_stop(
            choice.finish_reason,
            has_calls=any(isinstance(part, ToolCall) for part in parts),
            has_refusal=any(isinstance(part, Refusal) for part in parts),
        ),
        usage=read_usage(typed.usage or choice.usage, typed.service_tier),
        created_seconds=None if typed.created is None else int(typed.created),
        citations=tuple((texts[0], citation) for citation in citations if citation is not None),
    )


def _parts(message: MessageDelta, reply: str) -> list[Part]:
    inline, text = content_texts(message.content)
    thought = reasoning_text(message.reasoning_content, message.reasoning, message.reasoning_details)
    said: list[Part] = [Text(text)] if text else []
    if message.refusal:
        said.append(Refusal(message.refusal))
    calls = [(_call(call, number, reply), call.extra_content) for number, call in enumerate(message.tool_calls or ())]
    return placed(read_thoughts(thought or inline, message.thinking_blocks), said, calls, message.extra_content)


def _call(body: ToolCallDelta, number: int, reply: str) -> ToolCall:
    custom, function = body.custom, body.function or FunctionDelta()
    return ToolCall(
        id=body.id or call_id(reply, number),
        name=(function.name if custom is None else custom.name) or "",
        arguments=arguments_text(function.arguments) if custom is None else custom.input or "",
        custom=custom is not None,
    )


def encode_reply(reply: Reply, request: Request) -> bytes:
    """The reply for a caller who asked `request`."""
    calls = [part for part in reply.parts if isinstance(part, ToolCall)]
    refusal = "".join(part.text for part in reply.parts if isinstance(part, Refusal))
    thought = "".join(part.text for part in reply.parts if isinstance(part, Thinking))
    message: Body = {"role": "assistant", "content": _content(reply.parts), "refusal": refusal or None}
    message["annotations"] = _annotations(reply)
    if thought:
        message["reasoning_content"] = thought
    if blocks := write_blocks(reply.parts):
        message["thinking_blocks"] = blocks
    if calls:
        message["tool_calls"] = _calls(reply.parts, CallerTools(request))
    stop = write_stop(reply.stop, has_calls=bool(calls), has_refusal=bool(refusal))
    return msgspec.json.encode(
        {
            "id": reply_id(reply.id),
            "object": "chat.completion",
            "created": reply.created_seconds or 0,
            "model": reply.model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": stop}],
            "usage": None if reply.usage is None else write_usage(reply.usage),
            "service_tier": write_tier(reply.usage),
            "system_fingerprint": None,
        }
    )


def _calls(parts: Sequence[Part], tools: CallerTools) -> list[Body]:
    signed = signatures(parts)
    return [
        tools.call_body(part) | ({"extra_content": write_signature(signed[at])} if at in signed else {})
        for at, part in enumerate(parts)
        if isinstance(part, ToolCall)
    ]


def _content(parts: Sequence[Part]) -> str | None:
    texts = [part.text for part in parts if isinstance(part, Text)]
    instead = any(isinstance(part, ToolCall | Refusal) for part in parts)
    return "".join(texts) if texts or not instead else None


def _annotations(reply: Reply) -> list[Body]:
    notes: list[Body] = []
    start = 0
    for at, part in enumerate(reply.parts):
        if not isinstance(part, Text):
            continue
        for index, citation in reply.citations:
            if index == at and (note := write_citation(citation, start, len(part.text))) is not None:
                notes.append(note)
        start += len(part.text)
    return notes


def read_facts(body: bytes) -> ReplyFacts:
    """What the ledger wants of a reply that passes unchanged; nothing where it cannot be read.

    Raises UpstreamProtocolError for an error that came with status 200.
    """
    try:
        typed = read_body(body)
    except _Unreadable:
        return ReplyFacts()
    choices = typed.choices or ()
    inside = next((choice.usage for choice in choices if choice.usage is not None), None)
    usage = read_usage(typed.usage or inside, typed.service_tier)
    counted = usage is not None and usage.output_tokens > 0
    return ReplyFacts(
        usage=usage,
        served_model=typed.model or None,
        text_bytes=0 if counted else sum(_text_bytes(choice.message or MessageDelta()) for choice in choices),
    )


def _text_bytes(message: MessageDelta) -> int:
    inline, text = content_texts(message.content)
    thought = reasoning_text(message.reasoning_content, message.reasoning, message.reasoning_details)
    calls = (_call(call, 0, "").arguments for call in message.tool_calls or ())
    return len("".join((thought or inline, text, message.refusal or "", *calls)).encode())
