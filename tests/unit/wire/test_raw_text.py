from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from sekisho.core.errors import MalformedRequest, SekishoError, UpstreamProtocolError
from sekisho.wire.raw_text import callers_text, providers_text
from sekisho.wire.registry import BY_NAME

BAD = b'{"a":"\xe4"}'
MESSAGES, CONVERSE = BY_NAME["anthropic-messages"], BY_NAME["bedrock-converse"]
USE = b'{"type":"tool_use","id":"t","name":"n","input":' + BAD + b"}"
CONVERSE_USE = b'{"toolUse":{"toolUseId":"t","name":"n","input":' + BAD + b"}}"
RESULT = b'{"toolResult":{"toolUseId":"t","content":[{"json":' + BAD + b"}]}}"


def turns(role: bytes, block: bytes) -> bytes:
    return (
        b'[{"role":"user","content":[{"type":"text","text":"x"}]},{"role":"' + role + b'","content":[' + block + b"]}]"
    )


def test_what_is_text_passes() -> None:
    raw = msgspec.Raw('{"a":"é"}'.encode())
    assert callers_text(raw, "x") == providers_text(raw) == '{"a":"é"}'


def test_what_is_none_is_laid_to_its_sender() -> None:
    with pytest.raises(MalformedRequest) as refused:
        callers_text(msgspec.Raw(BAD), "messages.1.input")
    assert refused.value.info.param == "messages.1.input"
    with pytest.raises(UpstreamProtocolError):
        providers_text(msgspec.Raw(BAD))


def started(data: bytes) -> bytes:
    start = (
        b'data: {"type":"message_start","message":{"id":"i","model":"m","content":[],"usage":{"input_tokens":1}}}\n\n'
    )
    return start + b'data: {"type":"content_block_start","index":0,"content_block":' + data + b"}\n\n"


@pytest.mark.parametrize(
    ("read", "body", "error"),
    [
        (
            MESSAGES.decode_request,
            b'{"model":"m","max_tokens":1,"messages":' + turns(b"assistant", USE) + b"}",
            MalformedRequest,
        ),
        (
            MESSAGES.decode_reply,
            b'{"id":"i","model":"m","stop_reason":"tool_use","content":[' + USE + b"]}",
            UpstreamProtocolError,
        ),
        (lambda body: MESSAGES.stream_reader().feed(body), started(USE), UpstreamProtocolError),
        (
            CONVERSE.decode_request,
            b'{"messages":' + turns(b"assistant", CONVERSE_USE).replace(b'"type":"text",', b"") + b"}",
            MalformedRequest,
        ),
        (
            CONVERSE.decode_request,
            b'{"messages":' + turns(b"user", RESULT).replace(b'"type":"text",', b"") + b"}",
            MalformedRequest,
        ),
        (
            CONVERSE.decode_reply,
            b'{"stopReason":"tool_use","output":{"message":{"role":"assistant","content":[' + CONVERSE_USE + b"]}}}",
            UpstreamProtocolError,
        ),
    ],
)
def test_so_it_is_in_every_place(read: Callable[[bytes], object], body: bytes, error: type[SekishoError]) -> None:
    with pytest.raises(error, match="UTF-8"):
        read(body)
    assert read(body.replace(b"\xe4", b"e"))
