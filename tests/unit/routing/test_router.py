from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.config.sections import Residency
from sekisho.core.errors import ErrorClass, Forbidden, UnknownModel
from sekisho.core.secret import Secret
from sekisho.identity.keys import Principal
from tests.support.routes import WISH, Yard, deployment, error, group, values

THROTTLED = ErrorClass.RATE_LIMITED


def test_the_plan_of_a_name_with_one_deployment_is_made_once() -> None:
    yard = Yard(deployment("m", "a"), deployment("n", "b"), deployment("n", "c"))
    assert yard.plan() is yard.plan()
    assert yard.ids() == ["a"]
    assert yard.plan("n") is not yard.plan("n")


@pytest.mark.parametrize(
    ("params", "rules"),
    [
        ({"rpm": 5}, {}),
        ({"tpm": 5}, {}),
        ({}, {"filters_tags": True}),
        ({}, {"fallbacks": {"m": ("n",)}}),
        ({}, {"default_fallbacks": ("n",)}),
    ],
    ids=["rpm", "tpm", "tags", "fallbacks", "default"],
)
def test_it_is_made_anew_where_anything_else_decides(params: dict[str, Any], rules: dict[str, Any]) -> None:
    yard = Yard(deployment("m", "a", **params), **rules)
    assert yard.plan() is not yard.plan()
    assert yard.ids() == ["a"]


def test_a_rule_of_the_call_holds_for_a_single_deployment_too() -> None:
    yard = Yard(deployment("m", "a", region_name="us-east-1"))
    bound = Principal(key_hash="k", metadata={"residency": {"regions": ["eu-*"]}})
    with pytest.raises(Forbidden):
        yard.plan(wish=msgspec.structs.replace(WISH, principal=bound))
    of_team = Principal(key_hash="k", residency=({"regions": ["eu-*"]},))
    with pytest.raises(Forbidden):
        yard.plan(wish=msgspec.structs.replace(WISH, principal=of_team))
    with pytest.raises(Forbidden):
        yard.plan(wish=msgspec.structs.replace(WISH, headers={"x-sekisho-deployment": "a"}))
    with pytest.raises(Forbidden):
        Yard(deployment("m", "a"), residency=Residency(regions=("eu-*",))).plan()


def test_names_lead_through_aliases_wildcards_and_tell_of_unknown_ones() -> None:
    yard = Yard(deployment("m", "a"), deployment("claude-*", "b", "openai/*"), aliases={"nick": "m"})
    assert [yard.ids(name) for name in ("nick", "claude-x")] == [["a"], ["b"]]
    assert yard.plan("claude-x").name == "claude-x"
    assert yard.router.model_names() == ["m", "claude-*", "nick"]
    with pytest.raises(UnknownModel):
        yard.plan("gone")


def test_models_of_a_wildcard_stand_each_for_itself() -> None:
    yard = Yard(deployment("*", "a", "openai/*"), deployment("*", "b", "openai/*"))
    yard.fail(yard.plan("one").deployments[0], THROTTLED, wait_seconds=5)
    assert (yard.ids("one"), yard.ids("two")) == (["b"], ["a", "b"])


def test_whether_a_planned_deployment_may_still_be_called() -> None:
    a, b = group("a", "b")
    yard = Yard(a, b)
    assert yard.router.can_begin(b)
    yard.fail(b, THROTTLED, THROTTLED)
    assert yard.router.can_begin(b), "left out by plans, and good for a last try"
    yard.fail(b, THROTTLED, wait_seconds=1)
    assert not yard.router.can_begin(b)


def test_a_deployments_own_cooldown_holds() -> None:
    a, b = deployment("m", "a", cooldown_seconds=40.0), deployment("m", "b")
    yard = Yard(a, b)
    for one in (a, b):
        yard.fail(one, *[ErrorClass.UPSTREAM_TIMEOUT] * 3)
    yard.clock.advance(5)
    assert yard.ids() == ["b"]
    yard.clock.advance(35)
    assert yard.ids() == ["a", "b"]


def test_a_refusal_that_may_be_about_one_model_leaves_the_others_of_its_credential() -> None:
    here = "http://same.test/v1"
    a, b, c = (deployment("m", ident, f"openai/{ident}", api_base=here) for ident in "abc")
    yard = Yard(a, b, c)
    plan = yard.plan()
    refused = error(ErrorClass.UPSTREAM_CREDENTIAL)
    yard.router.failed(yard.router.begin(a, plan, WISH), refused, model_only=True)
    assert yard.ids() == ["b", "c"]
    yard.router.failed(yard.router.begin(b, plan, WISH), refused)
    assert not yard.router.can_begin(c)


def test_a_reload_keeps_what_calls_have_taught() -> None:
    a, b = group("a", "b")
    yard = Yard(a, b)
    yard.fail(a, THROTTLED, wait_seconds=100)
    wish = msgspec.structs.replace(WISH, session_id="s")
    yard.succeed(b, wish, yard.plan(wish=wish))
    fresh = deployment("m", "b", api_key=Secret("sk-new"))
    yard.router = yard.made(*group("a", "c"), fresh, strategy="least-busy")
    assert yard.ids(wish=wish) == ["b", "c"]
    yard.router = yard.made(deployment("m", "a", api_key=Secret("sk-new")), fresh)
    assert yard.ids(wish=wish) == ["b", "a"], "what is configured otherwise begins anew"


def test_stand_ins_are_the_rules() -> None:
    yard = Yard(deployment("m", "a"), fallbacks={"m": ("n", "m")})
    assert yard.router.stand_ins(yard.plan(), THROTTLED, WISH) == ("n",)
    assert not yard.router.may("name_fallbacks", WISH)


def test_the_maker_of_a_response_is_remembered() -> None:
    a, b = group("a", "b")
    yard = Yard(a, b)
    plan = yard.plan()
    flight = yard.router.begin(b, plan, WISH)
    yard.router.made(flight, plan, WISH, "resp_1")
    yard.router.left(flight)
    assert yard.ids(wish=msgspec.structs.replace(WISH, values=values(previous_response_id="resp_1"))) == ["b"]


def test_a_server_teaches_which_of_two_dialects_it_lacks() -> None:
    one = deployment("m", "a", "openai/gpt-4.1")
    router = Yard(one).router
    assert router.unserved(one) == frozenset()
    assert router.learn_unserved(one, "openai-responses")
    assert router.unserved(one) == {"openai-responses"}
    assert not router.learn_unserved(one, "openai-chat")
    router.forget_unserved(one)
    assert router.unserved(one) == frozenset()


def test_one_dialect_is_nothing_to_choose_from() -> None:
    one = deployment("m", "a", "anthropic/claude-x")
    assert not Yard(one).router.learn_unserved(one, "anthropic-messages")
