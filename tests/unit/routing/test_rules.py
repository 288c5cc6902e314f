from __future__ import annotations

import pytest

from sekisho.config.model import Settings
from sekisho.config.sections import (
    AllowedFails,
    LitellmSettings,
    Residency,
    RetryPolicy,
    RouterSettings,
    RoutingPolicy,
    SekishoSettings,
)
from sekisho.core.errors import ErrorClass
from sekisho.routing.breaker import Cooldown
from sekisho.routing.rules import Rules, rules_of

TOO_LONG, FILTERED, FAILED = ErrorClass.CONTEXT_TOO_LONG, ErrorClass.CONTENT_POLICY, ErrorClass.UPSTREAM_ERROR


def test_an_empty_file_gives_the_defaults() -> None:
    assert rules_of(Settings()) == Rules(cooldown=Cooldown(seconds=5.0))


def test_router_settings_hold_over_litellm_settings() -> None:
    litellm = LitellmSettings(
        fallbacks=({"a": ("b",)},), default_fallbacks=("c",), allowed_fails=7, cooldown_seconds=30.0
    )
    rules = rules_of(Settings(litellm=litellm))
    assert (rules.fallbacks, rules.default_fallbacks) == ({"a": ("b",)}, ("c",))
    assert (rules.cooldown.allowed_fails, rules.cooldown.seconds) == (7, 30.0)
    router = RouterSettings(
        fallbacks=({"a": ("x",)}, {"a": ("y",), "b": ("z",)}),
        default_fallbacks=("w",),
        allowed_fails=0,
        cooldown_seconds=2.0,
        allowed_fails_policy=AllowedFails(rate_limit=4),
        disable_cooldowns=True,
    )
    rules = rules_of(Settings(litellm=litellm, router=router))
    assert rules.fallbacks == {"a": ("x",), "b": ("z",)}, "the first entry for a name holds"
    assert rules.default_fallbacks == ("w",)
    assert rules.cooldown == Cooldown(
        enabled=False,
        seconds=2.0,
        allowed_fails=0,
        allowed_by_class={ErrorClass.RATE_LIMITED: 4, ErrorClass.QUOTA_EXHAUSTED: 4},
    )


def test_our_own_section() -> None:
    own = SekishoSettings(
        residency=Residency(regions=("eu-*",)), routing=RoutingPolicy(callers_may=("choose_deployment",))
    )
    rules = rules_of(Settings(sekisho=own))
    assert rules.residency == Residency(regions=("eu-*",))
    assert rules.callers_may == {"choose_deployment"}


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("a", FAILED, ("general",)),
        ("a", TOO_LONG, ("long",)),
        ("a", FILTERED, ("general",)),
        ("b", TOO_LONG, ("default",)),
        ("b", FILTERED, ("filtered",)),
        ("b", FAILED, ("default",)),
    ],
)
def test_who_stands_in_by_the_kind_of_failure(name: str, kind: ErrorClass, expected: tuple[str, ...]) -> None:
    rules = Rules(
        fallbacks={"a": ("general",)},
        long_fallbacks={"a": ("long",)},
        policy_fallbacks={"b": ("filtered",)},
        default_fallbacks=("default",),
    )
    assert rules.after(name, kind) == expected


def test_a_star_stands_for_every_name() -> None:
    rules = Rules(fallbacks={"*": ("any",), "a": ()}, long_fallbacks={"*": ("long",)})
    assert (rules.after("a", FAILED), rules.after("b", FAILED), rules.after("a", TOO_LONG)) == ((), ("any",), ("long",))


def test_retries_by_name_then_by_kind_then_as_usual() -> None:
    rules = Rules(retry_policy=RetryPolicy(timeout=5, bad_request=1), group_retry_policy={"a": RetryPolicy(timeout=0)})
    timeout = ErrorClass.UPSTREAM_TIMEOUT
    assert [rules.retries(name, timeout, 2) for name in ("a", "b")] == [0, 5]
    assert rules.retries("a", ErrorClass.INVALID_REQUEST, 0) == 1
    assert rules.retries("a", ErrorClass.RATE_LIMITED, 2) == 2
    assert rules.retries("a", ErrorClass.NOT_FOUND, 0) == 0
