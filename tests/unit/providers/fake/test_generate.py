from __future__ import annotations

import json

from sekisho.providers.fake import generate
from sekisho.providers.fake.script import Script
from tests.support.sse_client import parse_events
from tests.unit.providers.fake.parts import made

ALL = Script(thinking=True, tool="Bash", text="Hi there", input_tokens=5, output_tokens=9, cache_read_tokens=3)


def test_a_reply_has_thought_text_and_a_signed_call() -> None:
    reply = generate.reply(*made("generate", ALL))
    parts = reply["candidates"][0]["content"]["parts"]
    assert parts[0]["thought"] is True
    assert parts[1] == {"text": "Hi there"}
    assert parts[2]["functionCall"] == {"name": "Bash", "args": {"command": "scripted"}}
    assert parts[2]["thoughtSignature"]
    assert reply["candidates"][0]["finishReason"] == "STOP"
    counted = reply["usageMetadata"]
    assert (counted["promptTokenCount"], counted["cachedContentTokenCount"], counted["totalTokenCount"]) == (8, 3, 17)
    assert counted["candidatesTokenCount"] + counted["thoughtsTokenCount"] == 9


def test_a_stream_ends_its_lines_like_googles() -> None:
    answer, ask = made("generate", ALL)
    pieces = list(generate.stream(answer, ask, 2))
    assert all(piece.data.endswith(b"}\r\n\r\n") for piece in pieces)
    chunks = [json.loads(data) for _, data in parse_events(b"".join(piece.data for piece in pieces))]
    assert ["finishReason" in chunk["candidates"][0] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert len({chunk["responseId"] for chunk in chunks}) == 1
    texts = [chunk["candidates"][0]["content"]["parts"][0] for chunk in chunks]
    assert "".join(part.get("text", "") for part in texts if not part.get("thought")) == "Hi there"


def test_a_call_without_thought_has_no_signature() -> None:
    answer, ask = made("generate", Script(tool="Bash", no_usage=True, stop="MAX_TOKENS"))
    (chunk,) = (json.loads(data) for _, data in parse_events(b"".join(p.data for p in generate.stream(answer, ask, 0))))
    assert list(chunk["candidates"][0]["content"]["parts"][0]) == ["functionCall"]
    assert chunk["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert "usageMetadata" not in chunk


def test_an_error_inside_a_stream() -> None:
    answer, _ = made("generate", ALL)
    error = json.loads(generate.stream_error(answer, "overloaded")[6:])
    assert error["error"]["status"] == "UNAVAILABLE"


def test_counts_and_embeddings() -> None:
    answer, ask = made("generate", ALL)
    assert generate.count_tokens(answer, ask)["totalTokens"] == 8
    one = generate.embed(*made("embed", ALL, content={"parts": [{"text": "a"}]}))
    requests = [{"content": {"parts": [{"text": "a"}]}}, {"content": {"parts": [{"text": "b"}]}}]
    two = generate.embed_batch(*made("embed_batch", ALL, requests=requests))
    three = generate.predict(*made("predict", ALL, instances=[{"content": "a"}]))
    assert two["embeddings"][0] == one["embedding"]
    assert two["embeddings"][1] != one["embedding"]
    assert three["predictions"][0]["embeddings"]["values"] == one["embedding"]["values"]
