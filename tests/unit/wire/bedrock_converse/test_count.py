from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from sekisho.core.errors import MalformedRequest
from sekisho.wire.bedrock_converse.count import COUNT
from sekisho.wire.counting import Asked, Prompt

ASKED = Asked("m", "https://bedrock.test")


def body(**given: Any) -> bytes:
    return msgspec.json.encode({"input": given})


def blob(text: bytes) -> dict[str, str]:
    return {"body": base64.b64encode(text).decode()}


def test_a_converse_request_is_opened() -> None:
    assert COUNT.opened(body(converse={"messages": []})) == Prompt("bedrock-converse", b'{"messages":[]}')


def test_an_invoke_models_blob_is_opened_as_what_it_is() -> None:
    inner = b'{"anthropic_version":"bedrock-2023-05-31","messages":[]}'
    assert COUNT.opened(body(invokeModel=blob(inner))) == Prompt("anthropic-messages@bedrock", inner)


@pytest.mark.parametrize(
    "given",
    [
        b"{}",
        b'{"input":{}}',
        b'{"input":{"converse":[]}}',
        body(invokeModel={"body": "%"}),
        body(invokeModel=blob(b"[")),
    ],
    ids=["none", "empty", "list", "base64", "json"],
)
def test_what_holds_nothing_to_count_is_named(given: bytes) -> None:
    with pytest.raises(MalformedRequest) as caught:
        COUNT.opened(given)
    assert (caught.value.info.param or "").startswith("input")


def test_only_the_members_that_are_counted_are_sent() -> None:
    request = {"messages": [], "system": [], "inferenceConfig": {"maxTokens": 5}, "toolConfig": {"tools": []}}
    sent = msgspec.json.decode(COUNT.asked(msgspec.json.encode(request), ASKED))
    assert sent == {"input": {"converse": {"messages": [], "system": [], "toolConfig": {"tools": []}}}}
