from __future__ import annotations

import msgspec
import pytest

from sekisho.core.errors import MalformedRequest
from sekisho.wire.counting import Asked
from sekisho.wire.gemini_generate.count import COUNT

GEMINI = Asked("gemini-x", "https://generativelanguage.googleapis.com/v1beta/models/gemini-x:countTokens")
VERTEX = Asked("gemini-x", "https://v.test/v1/projects/p/locations/l/publishers/google/models/gemini-x:countTokens")
BODY = {"contents": [], "systemInstruction": {"parts": []}, "toolConfig": {}, "tools": [], "safetySettings": []}


def test_the_gemini_api_counts_a_whole_request_in_its_envelope() -> None:
    sent = msgspec.json.decode(COUNT.asked(msgspec.json.encode(BODY), GEMINI))
    assert sent == {"generateContentRequest": {"model": "models/gemini-x", **BODY}}


def test_vertex_counts_at_the_top_what_it_knows() -> None:
    sent = msgspec.json.decode(COUNT.asked(msgspec.json.encode(BODY), VERTEX))
    assert sent == {"contents": [], "systemInstruction": {"parts": []}, "tools": []}


@pytest.mark.parametrize(
    "body",
    [b'{"contents":[]}', b'{"generateContentRequest":{"model":"models/x","contents":[]}}'],
    ids=["bare", "whole"],
)
def test_both_forms_are_opened(body: bytes) -> None:
    assert COUNT.opened(body).body == b'{"contents":[]}'


def test_an_envelope_that_is_none_is_named() -> None:
    with pytest.raises(MalformedRequest) as caught:
        COUNT.opened(b'{"generateContentRequest":5}')
    assert caught.value.info.param == "generateContentRequest"
