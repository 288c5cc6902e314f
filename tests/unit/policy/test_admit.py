from __future__ import annotations

from typing import Any

import pytest

from sekisho.core.errors import Forbidden, Unauthenticated
from sekisho.identity.keys import Principal
from sekisho.identity.scopes import Scope
from sekisho.policy.admit import admit

NOW_US = 1_700_000_000_000_000


def principal(**fields: Any) -> Principal:
    return Principal(key_hash="h", **fields)


@pytest.mark.parametrize(
    ("fields", "model"),
    [
        ({}, "anything"),
        ({"expires_us": NOW_US + 1}, "m"),
        ({"models": ("m",)}, "m"),
        ({"models": ("openai/*",)}, "openai/gpt-5"),
        ({"models": ("other",), "is_master": True}, "m"),
        ({"models": ("other",)}, None),
        ({"models": ("m",), "aliases": {"nick": "m"}}, "nick"),
        ({"allowed_routes": ("llm_api_routes",)}, "m"),
        ({"allowed_routes": ("info_routes",)}, None),
    ],
)
def test_a_key_that_may_passes(fields: dict[str, Any], model: str | None) -> None:
    admit(principal(**fields), model, NOW_US)
    with pytest.raises(Unauthenticated):
        admit(principal(**(fields | {"blocked": True})), model, NOW_US)


@pytest.mark.parametrize(("expires_us", "now_us"), [(NOW_US, NOW_US), (NOW_US - 1, NOW_US), (0, NOW_US)])
def test_an_expired_key_is_none(expires_us: int, now_us: int) -> None:
    with pytest.raises(Unauthenticated) as refused:
        admit(principal(expires_us=expires_us), "m", now_us)
    assert (refused.value.info.status, refused.value.info.code) == (401, "expired_key")


def test_a_blocked_key_says_whom_to_ask() -> None:
    with pytest.raises(Unauthenticated, match="administrator") as refused:
        admit(principal(blocked=True), None, NOW_US)
    assert refused.value.info.code == "key_blocked"


@pytest.mark.parametrize("models", [("other",), ("m2", "mm"), ("no-default-models",), ("M",)])
def test_a_model_that_is_not_the_keys_is_named(models: tuple[str, ...]) -> None:
    with pytest.raises(Forbidden, match="'m'") as refused:
        admit(principal(models=models), "m", NOW_US)
    info = refused.value.info
    assert (info.status, info.code, info.param) == (403, "key_model_access_denied", "model")


def scope(kind: Any, **fields: Any) -> Scope:
    return Scope(kind=kind, id=kind[0], name=kind.title(), **fields)


@pytest.mark.parametrize(
    "kind",
    [
        *("organization", "organization_member", "team", "project", "team_member"),
        *("user", "pool", "end_user", "tag", "gateway"),
    ],
)
def test_whatever_binds_a_key_may_be_blocked(kind: Any) -> None:
    bound = principal(scopes=(scope("key"), scope(kind, blocked=True)))
    with pytest.raises(Unauthenticated, match=f"{kind.replace('_', ' ')} '{kind.title()}' is blocked") as refused:
        admit(bound, None, NOW_US)
    assert refused.value.info.code == f"{kind}_blocked"


@pytest.mark.parametrize("kind", ["organization", "team", "project", "user"])
def test_whatever_binds_a_key_has_to_admit_the_model(kind: Any) -> None:
    bound = principal(models=("m", "n"), scopes=(scope("key", models=("m", "n")), scope(kind, models=("m",))))
    admit(bound, "m", NOW_US)
    with pytest.raises(Forbidden, match=f"This key's {kind} '{kind.title()}' may not use model 'n'") as refused:
        admit(bound, "n", NOW_US)
    assert refused.value.info.code == f"{kind}_model_access_denied"


@pytest.mark.parametrize("group", ["management_routes", "info_routes"])
def test_a_key_that_was_made_for_something_else_calls_no_model(group: str) -> None:
    with pytest.raises(Forbidden, match="not made for calling models") as caught:
        admit(principal(allowed_routes=(group,)), "m", NOW_US)
    assert caught.value.info.code == "route_not_allowed"
