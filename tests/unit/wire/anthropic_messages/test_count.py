from __future__ import annotations

import base64

import msgspec

from sekisho.wire.anthropic_messages.count import COUNT, ON_BEDROCK, ON_VERTEX
from sekisho.wire.counting import Asked

ASKED = Asked("claude-x@20250929", "https://vertex.test/models/count-tokens:rawPredict")
BODY = {"model": "m", "max_tokens": 5, "stream": True, "top_p": 1.0, "messages": [], "thinking": {"type": "adaptive"}}


def test_what_only_answers_is_left_out() -> None:
    asked = msgspec.json.decode(COUNT.asked(msgspec.json.encode(BODY), ASKED))
    assert asked == {"model": "m", "messages": [], "thinking": {"type": "adaptive"}}


def test_a_count_names_no_maximum_but_its_message_does() -> None:
    opened = COUNT.opened(b'{"model":"m","messages":[]}')
    assert opened.dialect == "anthropic-messages"
    assert msgspec.json.decode(opened.body)["max_tokens"] > 0
    assert COUNT.opened(b'{"max_tokens":5}').body == b'{"max_tokens":5}'


def test_vertex_is_told_the_model_in_the_body() -> None:
    body = msgspec.json.encode({"anthropic_version": "vertex-2023-10-16", "messages": [], "max_tokens": 5})
    asked = msgspec.json.decode(ON_VERTEX.asked(body, ASKED))
    assert asked == {"anthropic_version": "vertex-2023-10-16", "messages": [], "model": "claude-x@20250929"}


def test_bedrock_counts_the_blob_that_it_would_be_sent() -> None:
    body = msgspec.json.encode({"anthropic_version": "bedrock-2023-05-31", "messages": [], "max_tokens": 5})
    asked = msgspec.json.decode(ON_BEDROCK.asked(body, ASKED))
    assert base64.b64decode(asked["input"]["invokeModel"]["body"]) == body
    assert ON_BEDROCK.read(b'{"inputTokens":9}') == 9
    assert ON_BEDROCK.told(9) == b'{"input_tokens":9}'
