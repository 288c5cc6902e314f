from __future__ import annotations

import msgspec
import pytest

from sekisho.canonical.request import Tool
from sekisho.canonical.usage import Usage
from sekisho.core.errors import MalformedRequest, UpstreamProtocolError
from sekisho.wire.dialect import ReplyFacts
from sekisho.wire.gemini_generate.operations import (
    decode_count_request,
    encode_count_request,
    read_count,
    read_embedding_facts,
    write_count,
)
from tests.unit.wire.gemini_generate.samples import HI, decoded, wire_body

TOOLS = [{"functionDeclarations": [{"name": "f"}]}]


def test_what_is_counted_is_the_same_in_every_form() -> None:
    meant = decoded(tools=TOOLS)
    assert meant.tools == (Tool(name="f"),)
    assert decode_count_request(wire_body(tools=TOOLS)) == meant
    wrapped = {"generate_content_request": {"model": "models/x", "contents": HI, "tools": TOOLS}}
    assert decode_count_request(msgspec.json.encode(wrapped)) == meant
    assert decode_count_request(encode_count_request(wire_body(tools=TOOLS), "gemini-x")) == meant


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(MalformedRequest) as caught:
        decode_count_request(b'{"generateContentRequest": {"contents": [{"role": 3}]}}')
    assert caught.value.info.param == "generateContentRequest.contents.0.role"


def test_a_count_is_read_and_written() -> None:
    assert read_count(write_count(42)) == 42
    assert read_count(b'{"totalTokens": 3, "promptTokensDetails": []}') == 3
    with pytest.raises(UpstreamProtocolError):
        read_count(b'{"total": 3}')


def test_facts_of_embeddings() -> None:
    counted = b'{"embeddings": [{"values": [0.1]}], "usageMetadata": {"promptTokenCount": 7}}'
    assert read_embedding_facts(counted) == ReplyFacts(usage=Usage(input_tokens=7))
    assert read_embedding_facts(b'{"embedding": {"values": [0.1]}}') == ReplyFacts()
    with pytest.raises(UpstreamProtocolError):
        read_embedding_facts(b"<html>")
