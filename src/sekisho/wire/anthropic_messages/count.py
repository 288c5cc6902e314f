"""Counting tokens in Anthropic's dialect: its own API, and as Vertex AI and Bedrock carry it.

Flows in and out: as wire/counting.py says. Must stay true: what the count's endpoint does not know (it takes no
sampling, no maximum) is left out, everything that has tokens is kept.
Sources: platform.claude.com/docs/en/api/messages-count-tokens; Vertex AI, "count-tokens" of Anthropic's models; Bedrock
Runtime API, CountTokens.
"""

from __future__ import annotations

import base64

import msgspec

from sekisho.wire.counting import Asked, Counting, Prompt, count_reader, without
from sekisho.wire.json_edit import JsonObject

NAME = "anthropic-messages"
#: Keys of a message that the count refuses.
_ANSWERING = frozenset(
    {
        "container",
        "inference_geo",
        "max_tokens",
        "metadata",
        "service_tier",
        "stop_sequences",
        "stream",
        "temperature",
        "top_k",
        "top_p",
    }
)
#: A maximum that every message must name and a count does not; nothing is generated.
_MAX_TOKENS = b"64000"


def _opened(body: bytes) -> Prompt:
    json = JsonObject(body)
    return Prompt(NAME, body if "max_tokens" in json.values else json.edited({"max_tokens": _MAX_TOKENS}))


def _told(tokens: int) -> bytes:
    return msgspec.json.encode({"input_tokens": tokens})


def _asked_of_vertex(body: bytes, asked: Asked) -> bytes:
    """The path names no model here, so the body does."""
    return JsonObject(without(body, _ANSWERING)).edited({"model": msgspec.json.encode(asked.model)})


def _asked_of_bedrock(body: bytes, _asked: Asked) -> bytes:
    """InvokeModel's whole body, as a blob."""
    return msgspec.json.encode({"input": {"invokeModel": {"body": base64.b64encode(body).decode()}}})


COUNT = Counting(
    opened=_opened,
    asked=lambda body, _asked: without(body, _ANSWERING),
    read=count_reader("input_tokens"),
    told=_told,
)
ON_VERTEX = msgspec.structs.replace(COUNT, asked=_asked_of_vertex)
ON_BEDROCK = msgspec.structs.replace(COUNT, asked=_asked_of_bedrock, read=count_reader("inputTokens"))
