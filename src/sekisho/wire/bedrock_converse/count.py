"""Counting tokens on Bedrock: CountTokens, around a Converse request or the blob of InvokeModel.

Flows in and out: as wire/counting.py says. Must stay true: only the members that CountTokens knows are sent; whose
words a caller's blob is in is told by the blob alone, as with InvokeModel.
Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from sekisho.core.errors import MalformedRequest
from sekisho.wire.counting import Asked, Counting, Prompt, count_reader, only

NAME = "bedrock-converse"
_MEMBERS = frozenset({"messages", "system", "toolConfig", "additionalModelRequestFields"})


class _Blob(msgspec.Struct):
    body: str


class _Input(msgspec.Struct, rename="camel"):
    converse: Any = None
    invoke_model: _Blob | None = None


class _Body(msgspec.Struct):
    input: _Input


def _opened(body: bytes) -> Prompt:
    try:
        given = msgspec.json.decode(body, type=_Body).input
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedRequest("'input' must be an object with 'converse' or 'invokeModel'.", param="input") from None
    if isinstance(given.converse, dict):
        return Prompt(NAME, msgspec.json.encode(given.converse))
    if given.invoke_model is None:
        raise MalformedRequest("'input' must be an object with 'converse' or 'invokeModel'.", param="input")
    return _opened_blob(given.invoke_model.body)


def _opened_blob(blob: str) -> Prompt:
    try:
        body = base64.b64decode(blob, validate=True)
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (binascii.Error, ValueError, RecursionError):
        message = "'input.invokeModel.body' must be the base64 of a JSON object."
        raise MalformedRequest(message, param="input.invokeModel.body") from None
    return Prompt("anthropic-messages@bedrock", body)


def _asked(body: bytes, _asked_of: Asked) -> bytes:
    return b'{"input":{"converse":%b}}' % only(body, _MEMBERS)


COUNT = Counting(
    opened=_opened,
    asked=_asked,
    read=count_reader("inputTokens"),
    told=lambda tokens: msgspec.json.encode({"inputTokens": tokens}),
)
