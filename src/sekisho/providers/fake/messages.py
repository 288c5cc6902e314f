"""Anthropic's Messages API as templates (platform docs: Messages, Streaming Messages, Token counting).

Flows in: an Answer. Flows out: a reply body, or the pieces of its stream in Anthropic's order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from sekisho.providers.fake.answer import Answer, Piece
from sekisho.providers.fake.ask import Ask
from sekisho.providers.fake.errors import error_object, kind_of
from sekisho.wire.sse import sse_event


def reply(answer: Answer, _ask: Ask) -> dict[str, Any]:
    """A whole Message."""
    blocks: list[dict[str, Any]] = []
    if answer.thoughts:
        blocks.append({"type": "thinking", "thinking": answer.thought, "signature": answer.signature()})
    if answer.pieces:
        blocks.append({"type": "text", "text": answer.text})
    if answer.tool is not None:
        arguments = msgspec.json.decode(answer.tool.arguments)
        blocks.append(_tool_block(answer) | {"input": arguments})
    message = _message(answer) | {"content": blocks, "stop_reason": _stop(answer)}
    return message | ({"usage": _usage(answer, answer.usage.output_tokens)} if answer.tells_usage else {})


def stream(answer: Answer, _ask: Ask, pings: int) -> Iterator[Piece]:
    """message_start (content_block_start delta* content_block_stop)+ message_delta message_stop, with pings."""
    usage = {"usage": _usage(answer, 1)} if answer.tells_usage else {}
    yield _event({"type": "message_start", "message": _message(answer) | usage})
    for _ in range(pings):
        yield _event({"type": "ping"})
    for index, (start, deltas) in enumerate(_blocks(answer)):
        yield _event({"type": "content_block_start", "index": index, "content_block": start})
        if index == 0:
            yield _event({"type": "ping"})
        for delta, spoken in deltas:
            yield _event({"type": "content_block_delta", "index": index, "delta": delta}, spoken=spoken)
        yield _event({"type": "content_block_stop", "index": index})
    final: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": _stop(answer), "stop_sequence": None}}
    if answer.tells_usage:
        final["usage"] = _usage(answer, answer.usage.output_tokens)
    yield _event(final)
    yield _event({"type": "message_stop"})


def stream_error(_answer: Answer, error: str) -> bytes:
    """An error inside a stream."""
    return _event(error_object("anthropic", kind_of(error, 500), "")).data


def count_tokens(answer: Answer, _ask: Ask) -> dict[str, Any]:
    """The reply of /v1/messages/count_tokens."""
    return {"input_tokens": answer.usage.prompt_tokens}


def _blocks(answer: Answer) -> Iterator[tuple[dict[str, Any], list[tuple[dict[str, Any], bool]]]]:
    if answer.thoughts:
        deltas = [({"type": "thinking_delta", "thinking": text}, True) for text in answer.thoughts]
        deltas.append(({"type": "signature_delta", "signature": answer.signature()}, False))
        yield {"type": "thinking", "thinking": "", "signature": ""}, deltas
    if answer.pieces:
        yield {"type": "text", "text": ""}, [({"type": "text_delta", "text": text}, True) for text in answer.pieces]
    if answer.tool is not None:
        half = len(answer.tool.arguments) // 2
        halves = (answer.tool.arguments[:half], answer.tool.arguments[half:])
        yield (
            _tool_block(answer) | {"input": {}},
            [({"type": "input_json_delta", "partial_json": text}, True) for text in halves],
        )


def _message(answer: Answer) -> dict[str, Any]:
    return {
        "id": answer.made_id("msg_01"),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _tool_block(answer: Answer) -> dict[str, Any]:
    name = answer.tool.name if answer.tool else ""
    return {"type": "tool_use", "id": answer.made_id("toolu_01"), "name": name}


def _stop(answer: Answer) -> str:
    return answer.stop or ("tool_use" if answer.tool else "end_turn")


def _usage(answer: Answer, output_tokens: int) -> dict[str, Any]:
    usage = answer.usage
    return {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens - usage.cache_write_1h_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }


def _event(data: dict[str, Any], *, spoken: bool = False) -> Piece:
    return Piece(sse_event(msgspec.json.encode(data), data["type"]), spoken)
