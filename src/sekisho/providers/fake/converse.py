"""Bedrock's Converse and ConverseStream as templates, and Nova's own body, which is nearly the same (Bedrock API
reference: Converse, ConverseStream; Nova user guide: complete request schema).

Flows in: an Answer. Flows out: a reply body, or the pieces of its stream: messageStart, blocks, messageStop, metadata.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from sekisho.canonical.usage import Usage
from sekisho.providers.fake import frames
from sekisho.providers.fake.answer import Answer, Piece
from sekisho.providers.fake.ask import Ask
from sekisho.providers.fake.errors import kind_of
from sekisho.wire.sse import sse_event

_LATENCY_MS = 7
#: What may fail a stream that has begun.
_IN_STREAM = ("ThrottlingException", "ServiceUnavailableException", "ValidationException", "InternalServerException")
_Event = tuple[str, dict[str, Any], bool]


def reply(answer: Answer, _ask: Ask) -> dict[str, Any]:
    """A whole ConverseResponse."""
    body: dict[str, Any] = {"metrics": {"latencyMs": _LATENCY_MS}} | nova_reply(answer, _ask)
    return body | ({"usage": _usage(answer.usage)} if answer.tells_usage else {})


def nova_reply(answer: Answer, _ask: Ask) -> dict[str, Any]:
    """What InvokeModel answers for Nova."""
    message = {"content": list(_blocks(answer)), "role": "assistant"}
    body: dict[str, Any] = {"output": {"message": message}, "stopReason": _stop(answer)}
    return body | ({"usage": _nova_usage(answer.usage)} if answer.tells_usage else {})


def stream(answer: Answer, _ask: Ask, _pings: int) -> Iterator[Piece]:
    """A ConverseStream, as AWS messages."""
    for name, payload, spoken in _events(answer):
        yield Piece(frames.event(name, payload), spoken)


def nova_stream(answer: Answer, _ask: Ask, _pings: int) -> Iterator[Piece]:
    """The same as Nova's own events, of which each has one key: what happened."""
    for name, payload, spoken in _events(answer):
        value = {"usage": _nova_usage(answer.usage), "metrics": {}, "trace": {}} if name == "metadata" else payload
        yield Piece(sse_event(msgspec.json.encode({name: value})), spoken)


def stream_error(_answer: Answer, error: str) -> bytes:
    """An exception inside a stream."""
    kind = kind_of(error, 500)
    name = kind.aws if kind.aws in _IN_STREAM else "ModelStreamErrorException"
    return frames.exception(name, kind.message)


def count_tokens(answer: Answer, _ask: Ask) -> dict[str, Any]:
    """The reply of CountTokens."""
    return {"inputTokens": answer.usage.prompt_tokens}


def metrics(answer: Answer) -> dict[str, int]:
    """What Bedrock counts of an invocation, on the last event of a stream."""
    usage = answer.usage
    return {
        "inputTokenCount": usage.input_tokens,
        "outputTokenCount": usage.output_tokens,
        "invocationLatency": _LATENCY_MS,
        "firstByteLatency": 1,
        "cacheReadInputTokenCount": usage.cache_read_tokens,
        "cacheWriteInputTokenCount": usage.cache_write_tokens,
    }


def count_headers(answer: Answer) -> dict[str, str]:
    """The same in the headers of a reply of InvokeModel."""
    usage = answer.usage
    return {
        "x-amzn-bedrock-input-token-count": str(usage.input_tokens),
        "x-amzn-bedrock-output-token-count": str(usage.output_tokens),
        "x-amzn-bedrock-cache-read-input-token-count": str(usage.cache_read_tokens),
        "x-amzn-bedrock-cache-write-input-token-count": str(usage.cache_write_tokens),
        "x-amzn-bedrock-invocation-latency": str(_LATENCY_MS),
    }


def _events(answer: Answer) -> Iterator[_Event]:
    yield "messageStart", {"role": "assistant"}, False
    index = 0
    for index, (start, deltas) in enumerate(_streamed_blocks(answer)):
        if start is not None:
            yield "contentBlockStart", {"contentBlockIndex": index, "start": start}, False
        for delta, spoken in deltas:
            yield "contentBlockDelta", {"contentBlockIndex": index, "delta": delta}, spoken
        yield "contentBlockStop", {"contentBlockIndex": index}, False
    yield "messageStop", {"stopReason": _stop(answer)}, False
    if answer.tells_usage:
        yield "metadata", {"metrics": {"latencyMs": _LATENCY_MS}, "usage": _usage(answer.usage)}, False


def _streamed_blocks(answer: Answer) -> Iterator[tuple[dict[str, Any] | None, list[tuple[dict[str, Any], bool]]]]:
    """Only a tool's block has a start of its own."""
    if answer.thoughts:
        deltas: list[tuple[dict[str, Any], bool]] = [
            ({"reasoningContent": {"text": text}}, True) for text in answer.thoughts
        ]
        yield None, [*deltas, ({"reasoningContent": {"signature": answer.signature()}}, False)]
    if answer.pieces:
        yield None, [({"text": text}, True) for text in answer.pieces]
    if answer.tool is not None:
        half = len(answer.tool.arguments) // 2
        halves = (answer.tool.arguments[:half], answer.tool.arguments[half:])
        start = {"toolUse": {"name": answer.tool.name, "toolUseId": answer.made_id("tooluse_")}}
        yield start, [({"toolUse": {"input": text}}, True) for text in halves]


def _blocks(answer: Answer) -> Iterator[dict[str, Any]]:
    if answer.thoughts:
        thought = {"text": answer.thought, "signature": answer.signature()}
        yield {"reasoningContent": {"reasoningText": thought}}
    if answer.pieces:
        yield {"text": answer.text}
    if answer.tool is not None:
        use = {"name": answer.tool.name, "toolUseId": answer.made_id("tooluse_")}
        yield {"toolUse": use | {"input": msgspec.json.decode(answer.tool.arguments)}}


def _stop(answer: Answer) -> str:
    return answer.stop or ("tool_use" if answer.tool else "end_turn")


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "cacheReadInputTokens": usage.cache_read_tokens,
        "cacheWriteInputTokens": usage.cache_write_tokens,
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
    }


def _nova_usage(usage: Usage) -> dict[str, Any]:
    return {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
        "cacheReadInputTokenCount": usage.cache_read_tokens,
        "cacheWriteInputTokenCount": usage.cache_write_tokens,
    }
