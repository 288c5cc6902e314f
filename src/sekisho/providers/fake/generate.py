"""Gemini's generateContent, counting and embeddings as templates (Gemini API reference; Vertex AI: the same bodies).

Flows in: an Answer and its Ask. Flows out: a reply body, or the pieces of its stream as server-sent events with CRLF.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from sekisho.providers.fake.answer import Answer, Piece
from sekisho.providers.fake.ask import Ask, embedded_texts
from sekisho.providers.fake.errors import error_object, kind_of

_EMBEDDING_SIZE = 8


def reply(answer: Answer, _ask: Ask) -> dict[str, Any]:
    """A whole GenerateContentResponse."""
    parts = _thoughts([answer.thought]) if answer.thoughts else []
    parts += [{"text": answer.text}] if answer.pieces else []
    parts += _call(answer)
    return _chunk(answer, parts, finish=_stop(answer))


def stream(answer: Answer, _ask: Ask, _pings: int) -> Iterator[Piece]:
    """A chunk a piece, each with the usage; the finish reason is in the last one only."""
    parts = [*_thoughts(answer.thoughts), *({"text": text} for text in answer.pieces), *_call(answer)]
    for number, part in enumerate(parts, start=1):
        finish = _stop(answer) if number == len(parts) else None
        yield Piece(_event(_chunk(answer, [part], finish=finish)), spoken=True)


def stream_error(_answer: Answer, error: str) -> bytes:
    """An error inside a stream."""
    return _event(error_object("google", kind_of(error, 500), ""))


def count_tokens(answer: Answer, _ask: Ask) -> dict[str, Any]:
    """The reply of countTokens."""
    tokens = answer.usage.prompt_tokens
    return {"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]}


def embed(_answer: Answer, ask: Ask) -> dict[str, Any]:
    """The reply of embedContent."""
    return {"embedding": {"values": _vector(embedded_texts(ask.api, ask.body)[0])}}


def embed_batch(_answer: Answer, ask: Ask) -> dict[str, Any]:
    """The reply of batchEmbedContents."""
    return {"embeddings": [{"values": _vector(text)} for text in embedded_texts(ask.api, ask.body)]}


def predict(answer: Answer, ask: Ask) -> dict[str, Any]:
    """Embeddings as Vertex predicts them."""
    statistics = {"truncated": False, "token_count": answer.usage.prompt_tokens}
    texts = embedded_texts(ask.api, ask.body)
    return {"predictions": [{"embeddings": {"statistics": statistics, "values": _vector(text)}} for text in texts]}


def _vector(text: str) -> list[float]:
    return [byte / 256 for byte in hashlib.sha256(text.encode()).digest()[:_EMBEDDING_SIZE]]


def _thoughts(texts: Iterable[str]) -> list[dict[str, Any]]:
    """Thoughts carry no signature; what follows them does."""
    return [{"text": text, "thought": True} for text in texts]


def _call(answer: Answer) -> list[dict[str, Any]]:
    if answer.tool is None:
        return []
    call = {"name": answer.tool.name, "args": msgspec.json.decode(answer.tool.arguments)}
    signed = {"thoughtSignature": answer.signature()} if answer.thoughts else {}
    return [{"functionCall": call} | signed]


def _chunk(answer: Answer, parts: list[dict[str, Any]], *, finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    body: dict[str, Any] = {"candidates": [candidate]}
    if answer.tells_usage:
        body["usageMetadata"] = _usage(answer)
    return body | {"modelVersion": answer.model, "responseId": answer.made_id("")}


def _stop(answer: Answer) -> str:
    return answer.stop or "STOP"


def _usage(answer: Answer) -> dict[str, Any]:
    """Google counts what was cached among the prompt, and thoughts apart from the answer."""
    usage = answer.usage
    counted = {
        "promptTokenCount": usage.prompt_tokens,
        "candidatesTokenCount": max(usage.output_tokens - usage.reasoning_tokens, 0),
        "totalTokenCount": usage.total_tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.prompt_tokens}],
    }
    if usage.cache_read_tokens:
        counted["cachedContentTokenCount"] = usage.cache_read_tokens
    if usage.reasoning_tokens:
        counted["thoughtsTokenCount"] = usage.reasoning_tokens
    return counted


def _event(data: dict[str, Any]) -> bytes:
    return b"data: %b\r\n\r\n" % msgspec.json.encode(data)
