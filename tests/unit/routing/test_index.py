from __future__ import annotations

import pytest

from sekisho.core.errors import UnknownModel
from sekisho.routing.index import Index
from tests.support.routes import deployment


def ids(index: Index, name: str) -> list[str]:
    return [one.id for one in index.find(name)[1]]


def test_exact_names_come_before_wildcards_and_longer_ones_before_shorter() -> None:
    index = Index((deployment("*", "all"), deployment("claude-*", "claude"), deployment("claude-3", "three")), {})
    assert [ids(index, name) for name in ("claude-3", "claude-4", "gpt")] == [["three"], ["claude"], ["all"]]


@pytest.mark.parametrize(
    ("pattern", "model", "requested", "routed"),
    [
        ("claude-*", "openai/claude-*", "claude-opus-5", "claude-opus-5"),
        ("anthropic/*", "openai/*", "anthropic/claude-opus-5", "claude-opus-5"),
        ("*", "openai/*", "gpt-9", "gpt-9"),
        ("my-*-eu", "openai/gpt-*", "my-5-eu", "gpt-5"),
        ("fast-*", "openai/gpt-fixed", "fast-1", "gpt-fixed"),
    ],
)
def test_the_star_stands_for_the_same_text(pattern: str, model: str, requested: str, routed: str) -> None:
    name, [one] = Index((deployment(pattern, "a", model),), {}).find(requested)
    assert (name, one.model) == (requested, routed)


def test_an_alias_and_a_default_lead_to_a_group() -> None:
    index = Index((deployment("m", "a"),), {"nick": "m", "hush": "m"}, default_model="m", hidden=frozenset({"hush"}))
    assert [index.find(name)[0] for name in ("nick", "hush", "nobody knows")] == ["m", "m", "m"]
    assert index.model_names() == ["m", "nick"]


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(UnknownModel, match="'gpt-9'") as unknown:
        Index((deployment("m", "a"),), {}, default_model="gone").find("gpt-9")
    info = unknown.value.info
    assert (info.status, info.code, info.param) == (404, "model_not_found", "model")


def test_what_cannot_be_used_is_passed_over_and_explained_when_alone() -> None:
    broken = deployment("m", "a", missing=("K",))
    assert ids(Index((broken, deployment("m", "b")), {}), "m") == ["b"]
    with pytest.raises(UnknownModel, match="variable K"):
        Index((broken,), {}).find("m")
