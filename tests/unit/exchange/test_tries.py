from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest

from sekisho.config.sections import RetryPolicy
from sekisho.core.errors import ErrorClass, UnsupportedFeature, UpstreamError
from sekisho.exchange.call import read_ask
from sekisho.exchange.tries import Tries
from sekisho.exchange.watchdog import Watchdog, own_task
from sekisho.exchange.wish import wish_of
from sekisho.identity.keys import Principal
from sekisho.providers.deployment import Deployment
from sekisho.routing.rules import Rules
from tests.support.caller import Caller
from tests.support.stations import ScriptedTransport, Stage, body_of, deployment

BROKEN, THROTTLED = ErrorClass.UPSTREAM_ERROR, ErrorClass.RATE_LIMITED
M1, M2 = deployment(host="one.test"), deployment(host="two.test")
N, P = deployment(name="n"), deployment(name="o")
ANYBODY = Principal(key_hash="k")


def failure(kind: ErrorClass, wait_seconds: float | None = None) -> UpstreamError:
    return UpstreamError("x", error_class=kind, retry_after_seconds=wait_seconds)


def tried(
    stage: Stage,
    errors: Iterable[UpstreamError | UnsupportedFeature],
    to: Sequence[Deployment] = (M1, M2, N, P),
    *,
    principal: Principal = ANYBODY,
    total_seconds: float = 100,
    retries: int = 0,
    **rules: Any,
) -> tuple[str, list[float]]:
    """(a letter a try: 1 and 2 are m's deployments, n and o the others; the pauses), when tries fail so, in turn."""
    gateway = stage.gateway(*to, transport=ScriptedTransport([], []), retries=retries, rules=Rules(**rules))
    call = stage.call(Caller(), "openai-chat", body_of("openai-chat"))
    call.principal, call.ask = principal, read_ask(call.body, call.path)
    call.wish = wish_of(call, gateway)
    plan = gateway.router.plan("m", call.wish)
    tries = Tries(call, plan, gateway, Watchdog(own_task(), total_seconds, 100))
    letters, pauses = "", []
    given = iter(errors)
    for one in tries:
        letters += {M1.id: "1", M2.id: "2", N.id: "n", P.id: "o"}[one.deployment.id]
        pauses.append(one.pause_seconds)
        if (error := next(given, None)) is None:
            break
        call.attempts += not isinstance(error, UnsupportedFeature)
        flight = gateway.router.begin(one.deployment, one.plan, call.wish)
        gateway.router.failed(flight, error.info)
        try:
            tries.failed(one, error)
        except (UpstreamError, UnsupportedFeature):
            return letters + "!", pauses
    return letters, pauses


async def test_every_deployment_has_its_turn_before_one_has_another(stage: Stage) -> None:
    letters, pauses = tried(stage, [failure(BROKEN)] * 9, retries=3)
    assert letters == "12212"
    assert pauses[:2] == [0, 0]
    for pause, most in zip(pauses[2:], (0.25, 0.5, 1.0), strict=True):
        assert most / 2 <= pause <= most, "with jitter"


@pytest.mark.parametrize(
    ("kind", "letters"),
    [
        (BROKEN, "12no"),
        (THROTTLED, "12no"),
        (ErrorClass.QUOTA_EXHAUSTED, "12no"),
        (ErrorClass.NOT_FOUND, "12no"),
        (ErrorClass.CONTEXT_TOO_LONG, "1o"),
        (ErrorClass.CONTENT_POLICY, "1n"),
        (ErrorClass.INVALID_REQUEST, "1!"),
        (ErrorClass.TOO_LARGE, "1!"),
    ],
)
async def test_where_a_call_goes_by_the_kind_of_failure(stage: Stage, kind: ErrorClass, letters: str) -> None:
    found, _ = tried(
        stage,
        [failure(kind)] * 9,
        fallbacks={"m": ("n", "gone", "o")},
        long_fallbacks={"m": ("o",)},
        policy_fallbacks={"m": ("n",)},
    )
    assert found == letters


async def test_what_has_no_word_in_one_dialect_may_have_one_in_another(stage: Stage) -> None:
    unsaid = UnsupportedFeature("x", "openai-chat")
    assert tried(stage, [unsaid, failure(BROKEN), failure(BROKEN)], retries=1)[0] == "122"
    assert tried(stage, [unsaid] * 9, retries=3, fallbacks={"m": ("n",)})[0] == "12n"


async def test_models_that_stand_in_have_stand_ins_of_their_own(stage: Stage) -> None:
    errors = [failure(BROKEN)] * 9
    assert tried(stage, errors, fallbacks={"m": ("n",), "n": ("o", "m")})[0] == "12no"
    assert tried(stage, errors, fallbacks={"*": ("n", "o")}, max_fallbacks=1)[0] == "12n"
    assert tried(stage, errors, default_fallbacks=("o",))[0] == "12o"


async def test_a_model_that_stands_in_is_admitted_first(stage: Stage) -> None:
    bound = Principal(key_hash="k", models=("m", "o"))
    assert tried(stage, [failure(BROKEN)] * 9, principal=bound, fallbacks={"m": ("n", "o")})[0] == "12o"
    resident = Principal(key_hash="k", metadata={"residency": {"providers": ["openai"]}})
    away = msgspec.structs.replace(N, provider=deployment("anthropic/claude-sonnet-4-5").provider)
    rules: dict[str, Any] = {"to": (M1, M2, away, P), "fallbacks": {"m": ("n", "o")}}
    assert tried(stage, [failure(BROKEN)] * 9, principal=resident, **rules)[0] == "12o", "residency holds there too"


async def test_a_brief_failure_is_tried_again_before_another_model_is_asked(stage: Stage) -> None:
    rules: dict[str, Any] = {"to": (M1, N), "retries": 1, "fallbacks": {"m": ("n",)}}
    assert tried(stage, [failure(BROKEN)] * 2, **rules)[0] == "11n"
    assert tried(stage, [failure(THROTTLED)], **rules)[0] == "1n"
    assert tried(stage, [failure(ErrorClass.UPSTREAM_TIMEOUT)], **rules)[0] == "1n"
    policy = RetryPolicy(rate_limit=1)
    assert tried(stage, [failure(THROTTLED)] * 2, retry_policy=policy, **rules)[0] == "11n", "the operator's word"


async def test_a_policy_of_retries_holds_over_their_number(stage: Stage) -> None:
    policy = RetryPolicy(timeout=2, internal_server_error=0, bad_request=1)
    rules: dict[str, Any] = {"to": (M1,), "retries": 5, "retry_policy": policy}
    for kind, letters in (
        (ErrorClass.UPSTREAM_TIMEOUT, "111"),
        (BROKEN, "1"),
        (ErrorClass.INVALID_REQUEST, "11"),
        (THROTTLED, "111111"),
    ):
        assert tried(stage, [failure(kind)] * 9, **rules)[0] == letters


async def test_no_pause_is_begun_that_would_be_of_no_use(stage: Stage) -> None:
    rules: dict[str, Any] = {"to": (M1,), "retries": 3}
    letters, pauses = tried(stage, [failure(THROTTLED, 3)] * 2 + [failure(THROTTLED, 9)], **rules)
    assert (letters, pauses[1:]) == ("111", [3, 3])
    assert tried(stage, [failure(BROKEN)] * 9, total_seconds=0.05, **rules)[0] == "1"
    _, pauses = tried(stage, [failure(BROKEN)] * 9, shortest_pause_seconds=2.5, **rules)
    assert pauses == [0, 2.5, 2.5, 2.5]


async def test_what_has_failed_for_others_meanwhile_is_passed_over(stage: Stage) -> None:
    gateway = stage.gateway(M1, M2, transport=ScriptedTransport([], []), retries=2)
    call = stage.call(Caller(), "openai-chat", body_of("openai-chat"))
    call.principal, call.ask = ANYBODY, read_ask(call.body, call.path)
    call.wish = wish_of(call, gateway)
    plan = gateway.router.plan("m", call.wish)
    steps = iter(Tries(call, plan, gateway, Watchdog(own_task(), 100, 100)))
    assert next(steps).deployment is M1
    gateway.router.failed(gateway.router.begin(M2, plan, call.wish), failure(THROTTLED, 5).info)
    assert next(steps).deployment is M1, "again, after a pause"


async def test_the_last_resort_comes_last(stage: Stage) -> None:
    gateway = stage.gateway(M1, N, transport=ScriptedTransport([], []), rules=Rules(fallbacks={"m": ("n",)}), retries=0)
    call = stage.call(Caller(), "openai-chat", body_of("openai-chat"))
    call.principal, call.ask = ANYBODY, read_ask(call.body, call.path)
    call.wish = wish_of(call, gateway)
    first = gateway.router.plan("m", call.wish)
    gateway.router.failed(gateway.router.begin(M1, first, call.wish), failure(THROTTLED, 5).info)
    plan = gateway.router.plan("m", call.wish)
    tries = Tries(call, plan, gateway, Watchdog(own_task(), 100, 100))
    assert tries.failure is plan.refusal
    letters = []
    for one in tries:
        letters.append(one.deployment)
        tries.failed(one, failure(BROKEN))
    assert letters == [N, M1]
