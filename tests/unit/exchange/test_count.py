from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.exchange.count import upper_estimate
from tests.support.stations import JSON, Script, Stage, body_of, deployment


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_more_body_is_never_fewer_tokens(body: bytes, more: bytes) -> None:
    assert upper_estimate(body) <= upper_estimate(body + more) <= len(body + more) + 1


@pytest.mark.parametrize(("body", "tokens"), [(b"", 0), (b"abc", 1), (b"abcd", 2), ("日本".encode(), 3)])
def test_japanese_takes_more_tokens_a_byte(body: bytes, tokens: int) -> None:
    assert upper_estimate(body) == tokens


async def test_a_provider_that_cannot_count_is_not_asked(stage: Stage) -> None:
    body = body_of("anthropic-messages", stream=False)
    done = await stage.carry(to=[deployment()], dialect="anthropic-messages", operation="count_tokens", body=body)
    assert (done.caller.status, done.caller.json) == (200, {"input_tokens": upper_estimate(body)})
    assert done.caller.headers["x-sekisho-estimated"] == "true"
    assert done.requests == []
    assert (done.row.status, done.row.cost_nano_usd, done.row.input_tokens) == ("success", 0, 0)


async def test_one_that_can_is(stage: Stage) -> None:
    done = await stage.carry(
        Script([b'{"input_tokens":7}'], headers=JSON),
        to=[deployment("anthropic/claude-sonnet-4-5")],
        dialect="anthropic-messages",
        operation="count_tokens",
        stream=False,
    )
    assert done.caller.json == {"input_tokens": 7}
    assert "x-sekisho-estimated" not in done.caller.headers
    assert done.requests[0].url == "http://provider.test/v1/messages/count_tokens"
    assert (done.row.cost_nano_usd, done.row.usage_complete, done.row.operation) == (0, True, "count_tokens")
