"""Counting tokens in Google's dialect: the Gemini API counts a whole request in an envelope, Vertex AI at the top.

Flows in and out: as wire/counting.py says. Must stay true: at the top the Gemini API would count contents only, so the
rest goes into the envelope; Vertex AI gets no key that its count does not know.
Sources: ai.google.dev/api/tokens; Vertex AI API, CountTokensRequest.
"""

from __future__ import annotations

import msgspec

from sekisho.core.errors import MalformedRequest
from sekisho.wire.counting import Asked, Counting, Prompt, count_reader, only, without
from sekisho.wire.gemini_generate.operations import encode_count_request, write_count

NAME = "gemini-generate"
_ENVELOPE = "generateContentRequest"
#: What Vertex AI counts. A tuned model's address ends in its endpoint.
_MEMBERS = frozenset({"contents", "systemInstruction", "tools", "generationConfig"})
_VERTEX = ("/publishers/", "/endpoints/")


def _opened(body: bytes) -> Prompt:
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        inner = fields.get(_ENVELOPE)
        whole = body if inner is None else without(bytes(inner), frozenset({"model"}))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedRequest(f"'{_ENVELOPE}' must be an object.", param=_ENVELOPE) from None
    return Prompt(NAME, whole)


def _asked(body: bytes, asked: Asked) -> bytes:
    if any(mark in asked.url for mark in _VERTEX):
        return only(body, _MEMBERS)
    return encode_count_request(body, asked.model)


COUNT = Counting(opened=_opened, asked=_asked, read=count_reader("totalTokens"), told=write_count)
