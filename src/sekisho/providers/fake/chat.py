"""OpenAI's chat completions, completions and embeddings as templates (OpenAI API reference).

Flows in: an Answer and its Ask. Flows out: a reply body, or the pieces of its stream, without the closing `[DONE]`.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from sekisho.providers.fake.answer import Answer, Piece
from sekisho.providers.fake.ask import Ask
from sekisho.providers.fake.errors import error_object, kind_of
from sekisho.wire.sse import sse_event

DONE = Piece(sse_event(b"[DONE]"))
_EMBEDDING_SIZE = 8


def reply(answer: Answer, _ask: Ask) -> dict[str, Any]:
    """A whole ChatCompletion."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": answer.text if answer.pieces else None,
        "refusal": None,
        "annotations": [],
    }
    if answer.tool is not None:
        message["tool_calls"] = [_tool_call(answer, answer.tool.arguments)]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _stop(answer)}
    body = _head(answer, "chat.completion") | {"choices": [choice]}
    return body | ({"usage": _usage(answer)} if answer.tells_usage else {})


def stream(answer: Answer, ask: Ask, _pings: int) -> Iterator[Piece]:
    """Chunks: role, content or tool call, finish reason, and the usage chunk where the caller asked for it."""
    asked = bool((ask.body.get("stream_options") or {}).get("include_usage"))
    head = _head(answer, "chat.completion.chunk")
    quiet: dict[str, Any] = {"usage": None} if asked else {}

    def chunk(delta: dict[str, Any], finish: str | None = None, *, spoken: bool = False) -> Piece:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event(head | {"choices": [choice]} | quiet, spoken=spoken)

    yield chunk({"role": "assistant", "content": "" if answer.pieces else None, "refusal": None})
    for text in answer.pieces:
        yield chunk({"content": text}, spoken=True)
    if answer.tool is not None:
        yield chunk({"tool_calls": [{"index": 0} | _tool_call(answer, "")]})
        half = len(answer.tool.arguments) // 2
        for text in (answer.tool.arguments[:half], answer.tool.arguments[half:]):
            yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": text}}]}, spoken=True)
    yield chunk({}, _stop(answer))
    if asked and answer.tells_usage:
        yield _event(head | {"choices": [], "usage": _usage(answer)})


def completion(answer: Answer, _ask: Ask) -> dict[str, Any]:
    """A whole legacy Completion."""
    choice = {"text": answer.text, "index": 0, "logprobs": None, "finish_reason": answer.stop or "stop"}
    body = _head(answer, "text_completion") | {"choices": [choice]}
    return body | ({"usage": _usage(answer)} if answer.tells_usage else {})


def completion_stream(answer: Answer, ask: Ask, _pings: int) -> Iterator[Piece]:
    """Chunks of a legacy completion; the finish reason comes with the last text, usage where asked for."""
    head = _head(answer, "text_completion")
    last = len(answer.pieces) - 1
    for number, text in enumerate(answer.pieces):
        finish = (answer.stop or "stop") if number == last else None
        choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}
        yield _event(head | {"choices": [choice]}, spoken=True)
    if (ask.body.get("stream_options") or {}).get("include_usage") and answer.tells_usage:
        yield _event(head | {"choices": [], "usage": _usage(answer)})


def stream_error(_answer: Answer, error: str) -> bytes:
    """An error inside a stream; the connection ends after it, without `[DONE]`."""
    return sse_event(msgspec.json.encode(error_object("openai", kind_of(error, 500), "")))


def embeddings(answer: Answer, ask: Ask) -> dict[str, Any]:
    """One vector for each input, the same for the same text; base64 where the caller asked for it."""
    asked = ask.body["input"]
    texts = [asked] if isinstance(asked, str) or (asked and isinstance(asked[0], int)) else asked
    data = [{"object": "embedding", "index": i, "embedding": _vector(t, ask)} for i, t in enumerate(texts)]
    usage = {"prompt_tokens": answer.usage.prompt_tokens, "total_tokens": answer.usage.prompt_tokens}
    return {"object": "list", "data": data, "model": answer.model, "usage": usage}


def _vector(text: object, ask: Ask) -> list[float] | str:
    digest = hashlib.sha256(msgspec.json.encode(text)).digest()[:_EMBEDDING_SIZE]
    numbers = [byte / 256 for byte in digest]
    if ask.body.get("encoding_format") != "base64":
        return numbers

    return base64.b64encode(struct.pack(f"<{_EMBEDDING_SIZE}f", *numbers)).decode()


def _head(answer: Answer, kind: str) -> dict[str, Any]:
    prefix = "cmpl-" if kind == "text_completion" else "chatcmpl-"
    return {
        "id": answer.made_id(prefix),
        "object": kind,
        "created": answer.created_seconds,
        "model": answer.model,
        "service_tier": "default",
        "system_fingerprint": "fp_fake",
    }


def _tool_call(answer: Answer, arguments: str) -> dict[str, Any]:
    name = answer.tool.name if answer.tool else ""
    function = {"name": name, "arguments": arguments}
    return {"id": answer.made_id("call_"), "type": "function", "function": function}


def _stop(answer: Answer) -> str:
    return answer.stop or ("tool_calls" if answer.tool else "stop")


def _usage(answer: Answer) -> dict[str, Any]:
    usage = answer.usage
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _event(data: dict[str, Any], *, spoken: bool = False) -> Piece:
    return Piece(sse_event(msgspec.json.encode(data)), spoken)
