from __future__ import annotations

import msgspec
import pytest

from sekisho.cli.convert import What, converted
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.registry import BY_NAME, DIALECTS

REQUESTS = {
    "anthropic-messages": b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hello"}]}',
    "openai-chat": b'{"model":"m","messages":[{"role":"user","content":"Hello"}]}',
    "openai-responses": b'{"model":"m","input":"Hello"}',
    "bedrock-converse": b'{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}',
    "gemini-generate": b'{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}',
}
PAIRS = [(source.name, to.name) for source in DIALECTS for to in DIALECTS]


@pytest.mark.parametrize(("source", "to"), PAIRS)
def test_a_request_is_written_for_another_dialect(source: str, to: str) -> None:
    out = converted(REQUESTS[source], What.REQUEST, BY_NAME[source], BY_NAME[to], "other")
    assert BY_NAME[to].model_in_path or msgspec.json.decode(out)["model"] == "other"
    assert b"Hello" in out


@pytest.mark.parametrize(("source", "to"), PAIRS)
def test_a_stream_is_written_for_another_dialect(source: str, to: str) -> None:
    reply = b'{"id":"1","model":"m","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}'
    chat = BY_NAME["openai-chat"]
    whole = converted(reply, What.REPLY, chat, BY_NAME[source], None)
    assert b"Hi" in converted(whole, What.REPLY, BY_NAME[source], BY_NAME[to], None)
    chunk = b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'
    stream = converted(chunk + b"data: [DONE]\n\n", What.STREAM, chat, BY_NAME[source], None)
    assert b"Hi" in converted(stream, What.STREAM, BY_NAME[source], BY_NAME[to], None)


def test_what_cannot_be_converted_is_named() -> None:
    body = b'{"model":"m","n":2,"messages":[{"role":"user","content":"Hello"}]}'
    with pytest.raises(UnsupportedFeature) as refused:
        converted(body, What.REQUEST, BY_NAME["openai-chat"], BY_NAME["anthropic-messages"], None)
    assert refused.value.info.param == "n"
