from __future__ import annotations

import pytest

from sekisho.config.model import LitellmParams, ModelEntry, ModelInfo
from sekisho.core.errors import UnknownModel
from sekisho.core.secret import Secret
from sekisho.providers.catalog import find_provider
from sekisho.providers.deployment import Deployment
from sekisho.providers.provider import Provider
from sekisho.routing.router import Router


def row(name: str) -> Provider:
    provider = find_provider(name)
    assert provider is not None
    return provider


def deployment(
    model_name: str, ident: str, *, provider: str = "openai", model: str = "gpt-x", unusable: str | None = None
) -> Deployment:
    return Deployment(
        id=ident,
        model_name=model_name,
        provider=row(provider),
        model=model,
        base_url="http://127.0.0.1:1",
        host="127.0.0.1",
        key=Secret("k"),
        extra_headers={},
        entry=ModelEntry(model_name=model_name, params=LitellmParams(model=model), info=ModelInfo()),
        unusable=unusable,
    )


def ids(plan: tuple[Deployment, ...]) -> list[str]:
    return [one.id for one in plan]


def test_deployments_of_one_name_take_turns_in_being_first() -> None:
    router = Router((deployment("m", "a"), deployment("m", "b"), deployment("m", "c")), {})
    assert [ids(router.plan("m")) for _ in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]


def test_exact_names_come_before_wildcards_and_longer_ones_before_shorter() -> None:
    router = Router((deployment("*", "all"), deployment("claude-*", "claude"), deployment("claude-3", "three")), {})
    assert [ids(router.plan(name)) for name in ("claude-3", "claude-4", "gpt")] == [["three"], ["claude"], ["all"]]


@pytest.mark.parametrize(
    ("pattern", "model", "requested", "routed"),
    [
        ("claude-*", "claude-*", "claude-opus-5", "claude-opus-5"),
        ("anthropic/*", "*", "anthropic/claude-opus-5", "claude-opus-5"),
        ("*", "*", "gpt-9", "gpt-9"),
        ("my-*-eu", "gpt-*", "my-5-eu", "gpt-5"),
        ("fast-*", "gpt-fixed", "fast-1", "gpt-fixed"),
    ],
)
def test_the_star_stands_for_the_same_text(pattern: str, model: str, requested: str, routed: str) -> None:
    router = Router((deployment(pattern, "a", model=model),), {})
    assert router.plan(requested)[0].model == routed


def test_an_alias_and_a_default_lead_to_a_group() -> None:
    router = Router((deployment("m", "a"),), {"nick": "m"}, default_model="m")
    assert ids(router.plan("nick")) == ids(router.plan("nobody knows")) == ["a"]
    assert router.model_names() == ["m", "nick"]


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(UnknownModel, match="'gpt-9'") as unknown:
        Router((deployment("m", "a"),), {}).plan("gpt-9")
    assert (unknown.value.info.status, unknown.value.info.code, unknown.value.info.param) == (
        404,
        "model_not_found",
        "model",
    )


def test_what_cannot_be_used_is_passed_over_and_explained_when_alone() -> None:
    broken = deployment("m", "a", unusable="Model 'm' lacks the environment variable K.")
    assert ids(Router((broken, deployment("m", "b")), {}).plan("m")) == ["b"]
    with pytest.raises(UnknownModel, match="variable K"):
        Router((broken,), {}).plan("m")


def test_a_server_teaches_which_of_two_dialects_it_lacks() -> None:
    one = deployment("m", "a", model="gpt-4.1")
    router = Router((one,), {})
    assert one.dialect_for("openai-responses", router.unserved(one)) == "openai-responses"
    assert router.learn_unserved(one, "openai-responses")
    assert one.dialect_for("openai-responses", router.unserved(one)) == "openai-chat"
    assert not router.learn_unserved(one, "openai-chat")


def test_one_dialect_is_nothing_to_choose_from() -> None:
    one = deployment("m", "a", provider="anthropic")
    assert not Router((one,), {}).learn_unserved(one, "anthropic-messages")
