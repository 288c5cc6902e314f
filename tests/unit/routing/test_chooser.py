from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.core.errors import ErrorClass, Overloaded, SekishoError
from sekisho.identity.keys import Principal
from sekisho.routing.chooser import ALONE, AT_HOME, MADE_IT
from sekisho.routing.plan import Wish
from tests.support.routes import WISH, Yard, deployment, group, values

THROTTLED, BROKEN = ErrorClass.RATE_LIMITED, ErrorClass.UPSTREAM_ERROR


def session(name: str, **more: Any) -> Wish:
    return msgspec.structs.replace(WISH, session_id=name, **more)


# ── what cools down ─────────────────────────────────────────────────────────────────────────────
def test_what_cools_down_is_passed_over_and_said_why() -> None:
    a, b, c = group("a", "b", "c")
    yard = Yard(a, b, c)
    yard.fail(a, THROTTLED, wait_seconds=5)
    plan = yard.plan()
    assert [one.id for one in plan.deployments] == ["b", "c"]
    assert [(one.deployment.id, one.why) for one in plan.passed_over] == [("a", "it cools down for 5 s")]
    assert (plan.why, plan.lead.id, plan.shared) == ("simple-shuffle", "b", True)
    yard.clock.advance(5)
    assert yard.ids() == ["a", "b", "c"]


def test_what_fails_now_and_then_comes_last_and_is_called_where_nothing_else_can() -> None:
    a, b = group("a", "b")
    yard = Yard(a, b)
    yard.succeed(a, session("s"), yard.plan(wish=session("s")))
    yard.fail(a, THROTTLED, THROTTLED)
    assert yard.ids(wish=session("s")) == ["b", "a"], "also of a conversation that is at home there"
    yard.fail(b, THROTTLED, THROTTLED)
    assert yard.ids() == ["a", "b"]
    yard.succeed(b)
    assert yard.ids() == ["b", "a"], "that it went well ends the cooldown"
    yard.fail(a, THROTTLED, THROTTLED)
    yard.fail(b, *[THROTTLED] * 4)
    with pytest.raises(Overloaded):
        yard.plan()
    full = Yard(*group("a", "b", tpm=100))
    full.fail(full.router.deployments[0], THROTTLED, THROTTLED)
    assert full.ids(wish=msgspec.structs.replace(WISH, tokens=90)) == ["b"], "it has no room either"


def test_half_open_one_call_tries_while_others_go_elsewhere() -> None:
    a, b = group("a", "b")
    yard = Yard(a, b)
    yard.fail(a, THROTTLED, wait_seconds=5)
    yard.clock.advance(5)
    plan = yard.plan()
    probe = yard.router.begin(plan.deployments[0], plan, WISH)
    assert yard.ids() == ["b"]
    yard.router.answered(probe, plan)
    assert yard.ids() == ["a", "b"]


def test_when_all_cool_down_the_caller_is_told_the_earliest_time() -> None:
    a, b = group("a", "b")
    yard = Yard(a, b)
    yard.fail(a, THROTTLED, wait_seconds=30)
    yard.fail(b, THROTTLED, wait_seconds=12.2)
    with pytest.raises(Overloaded, match=r"'m'.* in 13 s") as refused:
        yard.plan()
    info = refused.value.info
    assert (info.status, info.retry_after_seconds, info.code) == (503, 13, "no_healthy_deployment")
    yard.clock.advance(12.2)
    assert yard.ids() == ["b"]


def test_the_only_deployment_of_a_name_is_not_shut_off_by_its_own_failures() -> None:
    one = deployment("m", "a")
    yard = Yard(one)
    yard.fail(one, *[BROKEN] * 9, ErrorClass.UPSTREAM_CREDENTIAL, THROTTLED)
    assert yard.ids() == ["a"]
    limited = deployment("m", "a", rpm=100)
    yard = Yard(limited)
    yard.fail(limited, THROTTLED)
    plan = yard.plan()
    assert ([one.id for one in plan.deployments], plan.refusal, plan.passed_over) == (["a"], None, ())


def test_where_another_model_stands_in_it_is_asked_before_what_cools_down() -> None:
    one, other = deployment("m", "a"), deployment("n", "b")
    yard = Yard(one, other, fallbacks={"m": ("n",)})
    assert yard.ids() == ["a"]
    yard.fail(one, THROTTLED, wait_seconds=5)
    plan = yard.plan()
    assert (plan.deployments, [each.id for each in plan.last_resort]) == ((), ["a"])
    assert isinstance(plan.refusal, Overloaded)
    assert plan.lead.id == "a"
    a, b = group("a", "b")
    yard = Yard(a, b, other, fallbacks={"m": ("n",)})
    yard.fail(a, THROTTLED, wait_seconds=5)
    yard.fail(b, THROTTLED, wait_seconds=5)
    plan = yard.plan()
    assert (plan.deployments, plan.last_resort, isinstance(plan.refusal, Overloaded)) == ((), (), True)


def test_the_callers_stand_ins_are_a_way_out_too() -> None:
    one = deployment("m", "a")
    yard = Yard(one)
    yard.fail(one, THROTTLED, wait_seconds=5)
    plan = yard.plan(wish=msgspec.structs.replace(WISH, stand_ins=("n",)))
    assert (plan.deployments, [each.id for each in plan.last_resort]) == ((), ["a"])


# ── limits of a deployment ──────────────────────────────────────────────────────────────────────
def test_what_has_no_room_is_passed_over_while_another_has() -> None:
    a, b = deployment("m", "a", rpm=1, order=1), deployment("m", "b", tpm=25, order=2)
    yard = Yard(a, b)
    assert yard.ids() == ["a", "b"]
    yard.succeed(a)
    assert yard.ids() == ["b"]
    yard.succeed(b)
    assert yard.ids() == ["b"], "10 + 10 of 25 tokens"
    assert yard.plan().passed_over[0].why == "its minute is full for 60 s"


@pytest.mark.parametrize("count", [1, 2])
def test_when_none_has_room_the_caller_is_told_the_earliest_time(count: int) -> None:
    deployments = group("a", "b", rpm=1)[:count]
    yard = Yard(*deployments)
    for one in deployments:
        yard.succeed(one)
        yard.clock.advance(20)
    with pytest.raises(SekishoError, match="has taken what it may") as refused:
        yard.plan()
    info = refused.value.info
    assert (info.status, info.error_class, info.retry_after_seconds) == (429, THROTTLED, 60 - 20 * count)
    yard.clock.advance(60 - 20 * count)
    assert yard.ids() == ["a"]


def test_a_full_deployment_sends_to_the_model_that_stands_in() -> None:
    one, other = deployment("m", "a", rpm=1), deployment("n", "b")
    yard = Yard(one, other, fallbacks={"m": ("n",)})
    yard.succeed(one)
    plan = yard.plan()
    assert (plan.deployments, plan.last_resort) == ((), ()), "a limit of the operator's is no advice"
    assert plan.refusal is not None


def test_one_full_and_one_cooling_down_is_an_overload() -> None:
    a, b = group("a", "b", rpm=1)
    yard = Yard(a, b)
    yard.succeed(a)
    yard.fail(b, THROTTLED, wait_seconds=90)
    with pytest.raises(Overloaded) as refused:
        yard.plan()
    assert refused.value.info.retry_after_seconds == 60


# ── conversations ───────────────────────────────────────────────────────────────────────────────
def test_a_conversation_stays_where_its_prompt_cache_is_warm() -> None:
    a, b, c = group("a", "b", "c")
    yard = Yard(a, b, c)
    plan = yard.plan(wish=session("s"))
    assert plan.why == "simple-shuffle"
    yard.succeed(c, session("s"), plan)
    plan = yard.plan(wish=session("s"))
    assert ([one.id for one in plan.deployments], plan.why) == (["c", "a", "b"], AT_HOME)
    assert yard.ids(wish=session("t")) == ["a", "b", "c"]
    stranger = session("s", principal=Principal(key_hash="k2", user_id="u1"))
    assert yard.ids(wish=stranger) == ["a", "b", "c"], "scoped to the key"


def test_without_a_session_its_beginning_keeps_it_together() -> None:
    a, b = group("a", "b")
    yard = Yard(a, b)
    first = msgspec.structs.replace(WISH, values=values(messages=[{"role": "user", "content": "Hi"}]))
    yard.succeed(b, first, yard.plan(wish=first))
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    assert yard.ids(wish=msgspec.structs.replace(WISH, values=values(messages=turns))) == ["b", "a"]


def test_a_failure_binds_nothing_and_a_fallback_moves() -> None:
    a, b = group("a", "b")
    yard = Yard(a, b)
    plan = yard.plan(wish=session("s"))
    flight = yard.router.begin(a, plan, session("s"))
    yard.router.failed(flight, Overloaded("x").info)
    assert yard.plan(wish=session("s")).why == "simple-shuffle"
    yard.succeed(a, session("s"), plan)
    yard.succeed(b, session("s"), plan)
    assert yard.ids(wish=session("s")) == ["b", "a"]


def test_it_is_never_pinned_to_what_cools_down_has_no_room_or_has_stalled() -> None:
    a, b = deployment("m", "a", tpm=1000), deployment("m", "b")
    yard = Yard(a, b)
    plan = yard.plan(wish=session("s"))
    yard.succeed(a, session("s"), plan)
    assert yard.ids(wish=session("s", tokens=991)) == ["b"]
    stalled = yard.router.begin(a, plan, session("s"))
    yard.clock.advance(6)
    assert yard.ids(wish=session("s")) == ["b", "a"]
    sealed = values(input=[{"type": "reasoning", "encrypted_content": "x"}])
    assert yard.ids(wish=session("s", values=sealed)) == ["a", "b"], "nobody else can read it"
    yard.router.left(stalled)
    yard.fail(a, THROTTLED, wait_seconds=5)
    assert yard.ids(wish=session("s")) == ["b"]
    yard.clock.advance(5)
    assert yard.ids(wish=session("s")) == ["a", "b"]


def test_order_holds_over_a_conversations_home() -> None:
    a, b = deployment("m", "a", order=1), deployment("m", "b", order=2)
    yard = Yard(a, b)
    yard.succeed(b, session("s"), yard.plan(wish=session("s")))
    assert yard.ids(wish=session("s")) == ["a", "b"]


def test_a_stored_response_is_continued_where_it_is_stored() -> None:
    a, b = deployment("m", "a"), deployment("m", "b", rpm=2)
    yard = Yard(a, b)
    plan = yard.plan()
    flight = yard.router.begin(b, plan, WISH)
    yard.router.made(flight, plan, WISH, "resp_1")
    later = msgspec.structs.replace(WISH, values=values(previous_response_id="resp_1"))
    found = yard.plan(wish=later)
    assert ([one.id for one in found.deployments], found.why, found.shared) == (["b"], MADE_IT, True)
    yard.router.failed(flight, Overloaded("x", retry_after_seconds=9).info)
    assert yard.ids(wish=later) == ["b"], "no other has it"
    unknown = msgspec.structs.replace(WISH, values=values(previous_response_id="resp_2"))
    assert yard.ids(wish=unknown) == ["a"]


def test_why_a_plan_is_as_it_is() -> None:
    yard = Yard(deployment("m", "a", rpm=5), *group("b", "c", name="n"), strategy="least-busy")
    assert (yard.plan().why, yard.plan("n").why) == (ALONE, "least-busy")
