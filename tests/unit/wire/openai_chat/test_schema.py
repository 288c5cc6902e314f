from __future__ import annotations

import pytest

from sekisho.core.errors import MalformedRequest
from sekisho.wire.openai_chat.schema import read_request


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"model":"m","messages":[{"role":"user","content":4}]}', "messages.0.content"),
        (b'{"model":"m","messages":[{"role":"a"},{"role":"b","content":[{"type":"text"},{"text":"x"}]}]}',
         "messages.1.content.1"),
        (b'{"model":"m","messages":{}}', "messages"),
        (b'{"model":"m","messages":[],"temperature":true}', "temperature"),
        (b'{"model":"m","messages":[],"tools":[{"type":"function","function":{"name":5}}]}', "tools.0.function.name"),
    ],
)  # fmt: skip
def test_a_wrong_type_is_named_by_its_path(body: bytes, param: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read_request(body)
    assert caught.value.info.param == param


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"null", b'{"model":"m"}', b"\xff", b'{"model":"\xff","messages":[]}', b"[" * 100_000,
     b'{"model":"m","messages":[],"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", b'{"model":"\\ud800","messages":[]}'],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_request_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read_request(body)


def test_fields_that_nobody_here_reads_are_named() -> None:
    body = b'{"model":"m","messages":[],"min_p":0,"store":null,"metadata":{},"tags":["a"],"logit_bias":{"1":2}}'
    typed, unsaid = read_request(body)
    assert typed.model == "m"
    assert unsaid == ("min_p", "logit_bias")
