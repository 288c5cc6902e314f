from __future__ import annotations

import pytest

from sekisho.canonical.usage import Usage
from sekisho.core.errors import UpstreamProtocolError
from sekisho.wire.dialect import ReplyFacts
from sekisho.wire.openai_chat.completions import CompletionWatch, read_completion_facts, read_embedding_facts

USAGE = b'"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}'


def test_facts_of_a_completion() -> None:
    facts = read_completion_facts(
        b'{"object":"text_completion","model":"davinci","choices":[{"text":"h\xc3\xa9"},{"text":"b"}],%b}' % USAGE
    )
    assert facts == ReplyFacts(
        usage=Usage(input_tokens=5, output_tokens=7), served_model="davinci", text_bytes=len("héb".encode())
    )


def test_facts_of_embeddings() -> None:
    body = b'{"object":"list","model":"e3","data":[{"embedding":"AAAA"}],"usage":{"prompt_tokens":5,"total_tokens":5}}'
    assert read_embedding_facts(body) == ReplyFacts(usage=Usage(input_tokens=5), served_model="e3")


@pytest.mark.parametrize("body", [b"<html>", b"", b"[1]", b'{"model":3}', b"\xff"])
def test_other_bytes_are_a_protocol_error(body: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        read_completion_facts(body)
    with pytest.raises(UpstreamProtocolError):
        read_embedding_facts(body)


def test_a_stream_of_completions_is_watched() -> None:
    watch = CompletionWatch(False)
    stream = (
        b'data: {"model":"davinci","choices":[{"index":0,"text":"ab","finish_reason":null}]}\n\n'
        b'data: {"model":"davinci","choices":[{"index":0,"text":"c","finish_reason":"stop"}]}\n\n'
        b'data: {"model":"davinci","choices":[],%b}\n\ndata: [DONE]\n\n' % USAGE
    )
    assert watch.feed(stream) == stream
    assert (watch.text_bytes, watch.events, watch.finished, watch.served_model) == (3, 3, True, "davinci")
    assert watch.usage == Usage(input_tokens=5, output_tokens=7)
