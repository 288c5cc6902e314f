"""Legacy completions and embeddings: they pass in their own dialect only, and the ledger wants their facts.

Flows in: a provider's reply or stream. Flows out: ReplyFacts; counts. Must stay true: the body itself is never changed.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.core.errors import UpstreamProtocolError
from sekisho.wire.dialect import ReplyFacts
from sekisho.wire.openai_chat.usage import UsageBody, read_usage
from sekisho.wire.openai_chat.watch import ChatWatch


class _Choice(msgspec.Struct):
    text: str | None = None


class _Completion(msgspec.Struct):
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: UsageBody | None = None
    service_tier: Any = None


class _Embeddings(msgspec.Struct):
    model: str | None = None
    usage: UsageBody | None = None


_decode_completion = msgspec.json.Decoder(_Completion).decode
_decode_embeddings = msgspec.json.Decoder(_Embeddings).decode

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class CompletionWatch(ChatWatch):
    """The stream has the same shape as chat's, with `choices[].text`."""


def read_completion_facts(body: bytes) -> ReplyFacts:
    """Facts of a `/v1/completions` reply. Raises UpstreamProtocolError."""
    try:
        typed = _decode_completion(body)
    except _UNREADABLE:
        raise UpstreamProtocolError("The provider's answer is not a completion.") from None
    text_bytes = sum(len((choice.text or "").encode()) for choice in typed.choices or ())
    usage = read_usage(typed.usage, typed.service_tier)
    return ReplyFacts(usage=usage, served_model=typed.model or None, text_bytes=text_bytes)


def read_embedding_facts(body: bytes) -> ReplyFacts:
    """Facts of a `/v1/embeddings` reply; its vectors are not read. Raises UpstreamProtocolError."""
    try:
        typed = _decode_embeddings(body)
    except _UNREADABLE:
        raise UpstreamProtocolError("The provider's answer is not a list of embeddings.") from None
    return ReplyFacts(usage=read_usage(typed.usage), served_model=typed.model or None)
