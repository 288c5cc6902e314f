from __future__ import annotations

import pytest

from sekisho.core.errors import MalformedRequest
from sekisho.exchange.call import StationSkipped, read_ask
from tests.support.caller import Caller
from tests.support.stations import Stage, body_of


@pytest.mark.parametrize(
    ("body", "model", "stream"),
    [
        (b'{"model":"m"}', "m", False),
        (b'{"model":"m","stream":true,"x":[1]}', "m", True),
        (b'{"model":"m","stream":false}', "m", False),
        (b'{"model":"m","stream":null}', "m", False),
        ('{"model":"モデル"}'.encode(), "モデル", False),
        (b'{"model":"m\\u00e9"}', "mé", False),
    ],
)
def test_the_top_of_a_body_says_model_and_stream(body: bytes, model: str, *, stream: bool) -> None:
    ask = read_ask(body)
    assert (ask.model, ask.stream, ask.body.body) == (model, stream, body)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", None),
        (b"[]", None),
        (b"null", None),
        (b'{"model":"m"} x', None),
        (b'{"model":"m","x":"\xff"}', None),
        (b"{}", "model"),
        (b'{"model":""}', "model"),
        (b'{"model":null}', "model"),
        (b'{"model":3}', "model"),
        (b'{"model":"m","stream":"yes"}', "stream"),
        (b'{"model":"m","stream":1}', "stream"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, field: str | None) -> None:
    with pytest.raises(MalformedRequest) as wrong:
        read_ask(body)
    assert wrong.value.info.param == field
    assert wrong.value.info.status == 400


def test_an_error_never_quotes_the_body() -> None:
    with pytest.raises(MalformedRequest) as wrong:
        read_ask(b'{"model": CANARY-prompt}')
    assert "CANARY" not in str(wrong.value)


def test_a_skipped_station_is_a_defect(stage: Stage) -> None:
    call = stage.call(Caller(), "openai-chat", body_of("openai-chat"))
    assert not call.streams
    with pytest.raises(StationSkipped):
        _ = call.asked
    with pytest.raises(StationSkipped):
        _ = call.sent_to


def test_the_request_is_translated_once(stage: Stage) -> None:
    call = stage.call(Caller(), "anthropic-messages", body_of("anthropic-messages"))
    assert call.request() is call.request()
    assert call.request().model == "m"
