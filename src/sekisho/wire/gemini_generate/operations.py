"""What is asked of Gemini beside generating: countTokens, embedContent, batchEmbedContents.

Flows in: their bodies and replies. Flows out: a Request to count, counts, ReplyFacts; and the reply to a caller who
asked for a count. Must stay true: a body that passes is never changed. (ai.google.dev/api/tokens, /api/embeddings)
"""

from __future__ import annotations

import msgspec

from sekisho.canonical.request import Request
from sekisho.canonical.usage import Usage
from sekisho.core.errors import UpstreamProtocolError
from sekisho.wire.dialect import ReplyFacts
from sekisho.wire.gemini_generate.decode_request import translate
from sekisho.wire.gemini_generate.reply_schema import UNREADABLE, UsageOut
from sekisho.wire.gemini_generate.schema import Body, convert, read_json
from sekisho.wire.gemini_generate.usage import read_usage


class _Count(msgspec.Struct, rename="camel"):
    total_tokens: int


class _Embeddings(msgspec.Struct, rename="camel"):
    usage_metadata: UsageOut | None = None


_decode_count = msgspec.json.Decoder(_Count).decode
_decode_embeddings = msgspec.json.Decoder(_Embeddings).decode


def decode_count_request(body: bytes) -> Request:
    """What is to be counted: contents alone, or all of a request in `generateContentRequest` (the Gemini API's form),
    or all of it at the top (Vertex AI's). Raises MalformedRequest and UnsupportedFeature.
    """
    value = read_json(body)
    whole = value.get("generateContentRequest")
    return translate(convert(value, Body) if whole is None else convert(whole, Body, "generateContentRequest"))


def encode_count_request(body: bytes, model: str) -> bytes:
    """A generateContent body -> what the Gemini API counts whole; at the top it reads contents only.

    Vertex AI takes the body as it is.
    """
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({"generateContentRequest": {"model": f"models/{model}", **fields}})


def read_count(body: bytes) -> int:
    """Tokens, from a provider's countTokens reply. Raises UpstreamProtocolError."""
    try:
        return _decode_count(body).total_tokens
    except UNREADABLE:
        raise UpstreamProtocolError("The provider's answer is not a count of tokens.") from None


def write_count(tokens: int) -> bytes:
    """The countTokens reply for a caller."""
    return msgspec.json.encode({"totalTokens": tokens})


def read_embedding_facts(body: bytes) -> ReplyFacts:
    """Facts of an embedContent or batchEmbedContents reply; its vectors are not read. Older models count nothing.

    Raises UpstreamProtocolError.
    """
    try:
        metadata = _decode_embeddings(body).usage_metadata
    except UNREADABLE:
        raise UpstreamProtocolError("The provider's answer is not a list of embeddings.") from None
    usage: Usage | None = read_usage(metadata)
    return ReplyFacts(usage=usage)
