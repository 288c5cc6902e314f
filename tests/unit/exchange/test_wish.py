from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.core.errors import Forbidden, MalformedRequest
from sekisho.exchange.call import Call, read_ask
from sekisho.exchange.gateway import Gateway
from sekisho.exchange.wish import retries_of, sets_time, timeouts_of, wish_of
from sekisho.identity.client import Client
from sekisho.identity.keys import Principal
from sekisho.routing.rules import Rules
from tests.support.caller import Caller
from tests.support.stations import PATIENT, ScriptedTransport, Stage, body_of, deployment

SOMEBODY = Principal(key_hash="k", user_id="u")
OPEN = Rules(callers_may=frozenset({"wait_longer", "retry_more", "name_fallbacks"}))
ONE = deployment()


def gateway_of(stage: Stage, rules: Rules | None = None) -> Gateway:
    return stage.gateway(ONE, transport=ScriptedTransport([], []), retries=2, rules=rules)


def call_of(
    stage: Stage, gateway: Gateway, dialect: str = "openai-chat", principal: Principal = SOMEBODY, **asked: Any
) -> Call:
    """A call as it is when routing begins."""
    headers = {name.replace("_", "-"): value for name, value in asked.pop("headers", {}).items()}
    call = stage.call(Caller(), dialect, body_of(dialect, **asked), headers=headers)
    call.principal, call.ask = principal, read_ask(call.body, call.path)
    call.wish = wish_of(call, gateway)
    return call


def test_what_a_call_brings_to_routing(stage: Stage) -> None:
    gateway = gateway_of(stage)
    call = stage.call(Caller(), "openai-chat", body_of("openai-chat", x="y" * 400), headers={"x-litellm-tags": "t"})
    call.principal, call.ask = SOMEBODY, read_ask(call.body, call.path)
    wish = wish_of(call, gateway)
    assert (wish.principal, wish.session_id, wish.streams, wish.stand_ins) == (SOMEBODY, None, True, None)
    assert wish.headers["x-litellm-tags"] == "t"
    assert "messages" in wish.values
    assert 100 < wish.tokens <= len(call.body) // 4 + 1
    call.client = msgspec.structs.replace(Client(), session_id="s")
    assert wish_of(call, gateway).session_id == "s"


@pytest.mark.parametrize(
    ("asked", "rules", "expected"),
    [("7", None, 7), ("7", OPEN, 7), ("70", None, 30), ("70", OPEN, 70)],
)
def test_a_caller_may_always_ask_for_less_time_and_for_more_where_it_is_open(
    stage: Stage, asked: str, rules: Rules | None, expected: float
) -> None:
    gateway = gateway_of(stage, rules)
    call = call_of(stage, gateway, headers={"x_litellm_timeout": asked, "x_litellm_stream_timeout": asked})
    found = timeouts_of(call, ONE, gateway)
    assert (found.total_seconds, found.first_event_seconds) == (expected, expected)
    assert found.between_chunks_seconds == PATIENT.between_chunks_seconds
    assert sets_time(call)


@pytest.mark.parametrize(
    ("asked", "rules", "expected"), [("0", None, 0), ("1", None, 1), ("9", None, 2), ("9", OPEN, 9)]
)
def test_so_it_is_with_retries(stage: Stage, asked: str, rules: Rules | None, expected: int) -> None:
    gateway = gateway_of(stage, rules)
    assert retries_of(call_of(stage, gateway, headers={"x_litellm_num_retries": asked}), ONE, gateway) == expected


def test_the_master_key_may_always(stage: Stage) -> None:
    gateway = gateway_of(stage)
    master = Principal(key_hash="", is_master=True)
    call = call_of(stage, gateway, principal=master, headers={"x_litellm_num_retries": "9"}, fallbacks=["n"])
    assert (retries_of(call, ONE, gateway), call.wished.stand_ins) == (9, ("n",))


def test_who_asks_for_nothing_gets_what_is_configured(stage: Stage) -> None:
    gateway = gateway_of(stage)
    call = call_of(stage, gateway)
    assert timeouts_of(call, ONE, gateway) is PATIENT
    assert retries_of(call, ONE, gateway) == 2
    assert not sets_time(call)


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "inf", "0", "1e9"])
def test_an_odd_time_is_refused_by_name(stage: Stage, text: str) -> None:
    gateway = gateway_of(stage)
    call = call_of(stage, gateway, headers={"x_litellm_timeout": text})
    with pytest.raises(MalformedRequest, match="x-litellm-timeout") as refused:
        timeouts_of(call, ONE, gateway)
    assert refused.value.info.param == "x-litellm-timeout"


def test_fallbacks_of_the_caller_are_for_the_gateway_alone(stage: Stage) -> None:
    gateway = gateway_of(stage, OPEN)
    call = call_of(stage, gateway, fallbacks=["n", {"model": "o"}])
    assert call.wished.stand_ins == ("n", "o")
    assert b"fallbacks" not in call.body
    assert "fallbacks" not in call.asked.body.values
    assert call.asked.model == "m"


def test_fallbacks_are_refused_by_name_where_they_are_not_open(stage: Stage) -> None:
    gateway = gateway_of(stage)
    with pytest.raises(Forbidden, match="'fallbacks'") as refused:
        call_of(stage, gateway, fallbacks=["n"])
    assert refused.value.info.param == "fallbacks"
    anthropic = call_of(stage, gateway, "anthropic-messages", fallbacks=[{"model": "x"}])
    assert anthropic.wished.stand_ins is None, "there the name means something to the provider"
    assert b"fallbacks" in anthropic.body


@pytest.mark.parametrize("given", ["n", [1], [""], [{"model": "n", "messages": []}], ["n"] * 11, {"m": ["n"]}])
def test_odd_fallbacks_are_refused_by_name(stage: Stage, given: object) -> None:
    with pytest.raises(MalformedRequest, match="'fallbacks'"):
        call_of(stage, gateway_of(stage, OPEN), fallbacks=given)


def test_a_key_may_have_no_fallbacks(stage: Stage) -> None:
    bound = Principal(key_hash="k", metadata={"disable_fallbacks": True})
    assert call_of(stage, gateway_of(stage), principal=bound).wished.stand_ins == ()
    assert call_of(stage, gateway_of(stage, OPEN), fallbacks=None).wished.stand_ins == ()
