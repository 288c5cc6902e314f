from __future__ import annotations

import json

import msgspec
import pytest

from sekisho.canonical.request import Message, Request, Text
from sekisho.canonical.target import Target
from sekisho.core.errors import ErrorClass
from sekisho.wire.anthropic_messages import DIALECT as MESSAGES
from sekisho.wire.carried import carry_request
from sekisho.wire.carrier import Said
from sekisho.wire.carriers.vertex import messages_on_vertex
from sekisho.wire.json_edit import JsonObject
from tests.support.wires import stream_body

VERTEX = messages_on_vertex(MESSAGES)
BODY = b'{"model":"claude-x","max_tokens":9, "messages":[{"role":"user","content":"Hi"}],"stream":true}'


def test_a_messages_body_goes_to_vertex() -> None:
    betas = ("claude-code-20250219", "context-1m-2025-08-07", "unheard-of-2026")
    made = carry_request(JsonObject(BODY), MESSAGES, VERTEX, Said(model="m@1", stream=True, betas=betas))
    assert made.body == (
        b'{"max_tokens":9, "messages":[{"role":"user","content":"Hi"}],"stream":true,'
        b'"anthropic_version":"vertex-2023-10-16"}'
    )
    assert made.headers == {"anthropic-beta": "claude-code-20250219,context-1m-2025-08-07"}
    assert made.dropped == ("anthropic-beta.unheard-of-2026",)


def test_a_vertex_body_goes_to_anthropic_with_every_beta() -> None:
    body = b'{"anthropic_version":"vertex-2023-10-16","messages":[],"stream":true}'
    made = carry_request(JsonObject(body), VERTEX, MESSAGES, Said(model="claude-x", stream=True, betas=("new-1",)))
    assert made.body == b'{"messages":[],"stream":true,"model":"claude-x"}'
    assert made.headers == {"anthropic-beta": "new-1"}


def test_a_request_is_read_and_written_without_its_model() -> None:
    asked = VERTEX.decode_request(b'{"anthropic_version":"v","max_tokens":5,"stream":true,"messages":[%b]}' % _turn())
    assert (asked.model, asked.stream, asked.max_tokens) == ("", False, 5)
    said = Request(model="m", messages=(Message("user", (Text("Hi"),)),), stream=True)
    body = json.loads(VERTEX.encode_request(said, Target(model="m@1")).body)
    assert "model" not in body
    assert (body["stream"], body["anthropic_version"]) == (True, "vertex-2023-10-16")


def _turn() -> bytes:
    return b'{"role":"user","content":"Hi"}'


def test_streams_are_anthropics_own() -> None:
    watch = VERTEX.stream_watch(False)
    stream = stream_body("anthropic-messages")
    assert watch.feed(stream) == stream
    assert watch.ended
    assert VERTEX.stream_type == "text/event-stream"
    assert (VERTEX.name, VERTEX.shape, VERTEX.model_in_path) == ("anthropic-messages@vertex", MESSAGES.name, True)


GOOGLE = {"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED", "details": []}}
ANTHROPIC = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


@pytest.mark.parametrize(
    ("status", "body", "error_class", "message"),
    [
        (429, GOOGLE, ErrorClass.RATE_LIMITED, "Quota exceeded"),
        (429, [GOOGLE], ErrorClass.RATE_LIMITED, "Quota exceeded"),
        (529, ANTHROPIC, ErrorClass.OVERLOADED, "Overloaded"),
        (404, [], ErrorClass.NOT_FOUND, "The provider answered with status 404."),
    ],
)
def test_errors_come_in_either_form(status: int, body: object, error_class: ErrorClass, message: str) -> None:
    error = VERTEX.parse_error(status, msgspec.json.encode(body), "")
    assert (error.error_class, error.message, error.status) == (error_class, message, status)
