from __future__ import annotations

import pytest

from sekisho.core.errors import MalformedRequest
from sekisho.exchange.call import read_ask
from tests.support.stations import Stage, whole


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"model":"cheap","Model":"dear"}', "Model"),
        (b'{"MODEL":"dear","model":"cheap"}', "MODEL"),
        ('{"model":"cheap","\u017ftream":true}'.encode(), "\u017ftream"),
        (b'{"model":"' + b"m" * 501 + b'"}', "model"),
    ],
)
def test_no_server_may_read_another_model_than_the_gateway(body: bytes, param: str) -> None:
    """Go's JSON reader takes keys in any case. A name without end would stand in caches, headers and rows."""
    with pytest.raises(MalformedRequest) as refused:
        read_ask(body)
    assert refused.value.info.param == param
    assert len(refused.value.info.message) < 200


async def test_a_key_twice_is_refused_also_where_no_byte_is_edited(stage: Stage) -> None:
    """The served model is the requested one and nothing is added: the body would pass as it is."""
    body = b'{"model":"dear","messages":[],"model":"m"}'
    done = await stage.carry(body=body)
    assert (done.caller.status, done.requests) == (400, [])
    assert "twice" in done.caller.json["error"]["message"]


async def test_embeddings_are_no_stream_whatever_their_body_says(stage: Stage) -> None:
    """A provider that passes over the word would else be taken for broken, and left out for everybody."""
    reply = {"object": "list", "data": [], "model": "e", "usage": {"prompt_tokens": 3, "total_tokens": 3}}
    body = b'{"model":"m","input":"Hi","stream":true}'
    done = await stage.carry(whole(reply), operation="embeddings", body=body)
    assert (done.caller.status, done.caller.json) == (200, reply)
    assert (done.row.status, done.row.input_tokens) == ("success", 3)
