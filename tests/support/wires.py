"""The same small answer in each dialect: as a stream, whole, and as an error.

In: texts and counts. Out: the bytes that a provider of the dialect sends. `USAGE` is what all of them report.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec

from sekisho.canonical.events import StopReason
from sekisho.canonical.fold import unfold
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Message, Request, Text
from sekisho.canonical.usage import Usage
from sekisho.wire.eventstream import encode_message
from sekisho.wire.registry import BY_NAME
from sekisho.wire.sse import sse_event

DIALECTS = ("anthropic-messages", "openai-chat", "openai-responses")
USAGE = Usage(input_tokens=100, output_tokens=40)
WORDS = ("word1 ", "wörd2 ", "word3 ")
_ASKED = Request(model="m", messages=(Message("user", (Text("Hi"),)),), stream=True, include_usage=True)


def counts(usage: Usage | None) -> Usage | None:
    """What was counted, without how the provider says it served it: each dialect has a word of its own for that."""
    return None if usage is None else msgspec.structs.replace(usage, service_tier=None, inference_geo=None)


def reply_of(words: Sequence[str] = WORDS, usage: Usage | None = USAGE) -> Reply:
    """The answer in canonical words."""
    return Reply(
        id="r1",
        model="served-model",
        parts=(Text("".join(words)),),
        stop=StopReason.END_TURN,
        usage=usage,
        created_seconds=1_700_000_000,
    )


def whole_body(dialect: str, usage: Usage | None = USAGE) -> bytes:
    """The answer in one piece."""
    return BY_NAME[dialect].encode_reply(reply_of(usage=usage), _ASKED)


def stream_events(dialect: str, words: Sequence[str] = WORDS) -> list[bytes]:
    """The answer as a stream, event by event, a delta for each word."""
    made = {
        "anthropic-messages": _messages,
        "openai-chat": _chat,
        "openai-responses": _responses,
        "bedrock-converse": _converse,
        "gemini-generate": _gemini,
    }
    return made[dialect](words)


def stream_body(dialect: str, words: Sequence[str] = WORDS) -> bytes:
    """The same in one piece."""
    return b"".join(stream_events(dialect, words))


def first_events(dialect: str) -> list[bytes]:
    """The stream up to its first word: what is held before a caller sees anything, and the event that ends the wait."""
    events = stream_events(dialect)
    return events[: next(at for at, event in enumerate(events, 1) if WORDS[0].encode() in event)]


def _named(*events: dict[str, Any]) -> list[bytes]:
    return [sse_event(msgspec.json.encode(event), event["type"]) for event in events]


def _messages(words: Sequence[str]) -> list[bytes]:
    counted = {"input_tokens": USAGE.input_tokens, "output_tokens": 1}
    message = {"id": "r1", "type": "message", "role": "assistant", "model": "served-model", "content": []}
    deltas = (
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in words
    )
    return _named(
        {"type": "message_start", "message": {**message, "stop_reason": None, "usage": counted}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": USAGE.output_tokens},
        },
        {"type": "message_stop"},
    )


def chat_usage_event() -> bytes:
    """The event that a chat stream has only when it was asked for."""
    usage = {"prompt_tokens": USAGE.input_tokens, "completion_tokens": USAGE.output_tokens, "total_tokens": 140}
    return sse_event(msgspec.json.encode(_CHUNK | {"choices": [], "usage": usage}))


_CHUNK = {"id": "r1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "served-model"}


def _chat(words: Sequence[str]) -> list[bytes]:
    deltas: list[tuple[dict[str, str], str | None]] = [({"content": word}, None) for word in words]
    return [
        *(
            sse_event(
                msgspec.json.encode(_CHUNK | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
            )
            for delta, finish in [({"role": "assistant"}, None), *deltas, ({}, "stop")]
        ),
        chat_usage_event(),
        b"data: [DONE]\n\n",
    ]


def _responses(words: Sequence[str]) -> list[bytes]:
    writer = BY_NAME["openai-responses"].stream_writer(_ASKED)
    made = b"".join(writer.write(event) for event in unfold(reply_of(words)))
    return events_in(made)


def _converse(words: Sequence[str]) -> list[bytes]:
    usage = {"inputTokens": USAGE.input_tokens, "outputTokens": USAGE.output_tokens, "totalTokens": USAGE.total_tokens}
    said: list[tuple[str, dict[str, Any]]] = [
        ("messageStart", {"role": "assistant"}),
        *(("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": word}}) for word in words),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": usage, "metrics": {"latencyMs": 7}}),
    ]
    return [
        encode_message(
            {":event-type": kind, ":content-type": "application/json", ":message-type": "event"},
            msgspec.json.encode({**payload, "p": "abc"}),
        )
        for kind, payload in said
    ]


def _gemini(words: Sequence[str]) -> list[bytes]:
    counted = {"promptTokenCount": USAGE.input_tokens, "candidatesTokenCount": USAGE.output_tokens}
    common = {"usageMetadata": counted, "modelVersion": "served-model", "responseId": "r1"}
    said = [{"content": {"parts": [{"text": word}], "role": "model"}, "index": 0} for word in words]
    candidates = [*said, {"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": "STOP", "index": 0}]
    return [b"data: %b\r\n\r\n" % msgspec.json.encode({"candidates": [one], **common}) for one in candidates]


def error_event(dialect: str, message: str = "Overloaded") -> bytes:
    """A provider's error inside a stream."""
    if dialect == "anthropic-messages":
        error = {"type": "overloaded_error", "message": message}
        return sse_event(msgspec.json.encode({"type": "error", "error": error}), "error")
    error = {"message": message, "type": "overloaded_error", "code": "overloaded"}
    if dialect == "openai-chat":
        return sse_event(msgspec.json.encode({"error": error}))
    error = {"message": message, "type": "server_error", "code": "server_is_overloaded"}
    return sse_event(msgspec.json.encode({"type": "error", "sequence_number": 3, "error": error}), "error")


def events_in(stream: bytes) -> list[bytes]:
    """The complete events of a stream."""
    return [block + b"\n\n" for block in stream.split(b"\n\n")[:-1]]


def cut_at(data: bytes, marks: Sequence[int]) -> list[bytes]:
    """`data` in pieces, cut at `marks` (taken modulo its length)."""
    edges = sorted({0, len(data), *(mark % len(data) for mark in marks)})
    return [data[start:end] for start, end in pairwise(edges)]


def _decoded(data: bytes) -> dict[str, Any]:
    """The object in an event's data; nothing where there is none."""
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def text_of(dialect: str, stream: bytes) -> str:
    """The text in the complete events of a stream."""
    said = []
    for block in events_in(stream):
        data = b"".join(line[6:] for line in block.split(b"\n") if line.startswith(b"data: "))
        event = _decoded(data)
        if dialect == "openai-chat":
            said += [choice["delta"].get("content") or "" for choice in event.get("choices", ())]
        elif event.get("type") == "content_block_delta":
            said.append(event["delta"].get("text", ""))
        elif event.get("type") == "response.output_text.delta":
            said.append(event["delta"])
    return "".join(said)


def is_error(dialect: str, event: bytes) -> bool:
    """Whether `event` says, in this dialect, that the answer failed."""
    name, _, data = event.rpartition(b"data: ")
    decoded = _decoded(data)
    if dialect == "openai-chat":
        return name == b"" and "message" in decoded.get("error", {})
    named = {"anthropic-messages": ("error",), "openai-responses": ("error", "response.failed")}[dialect]
    return decoded.get("type") in named and name == b"event: %b\n" % decoded["type"].encode()
