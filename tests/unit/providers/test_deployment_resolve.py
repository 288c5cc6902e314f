from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sekisho.config.load import load_settings
from sekisho.core.errors import OperatorError
from sekisho.providers.deployment import Deployment, resolve_all
from tests.support.application import environment, write_config


def proof(one: Deployment) -> dict[str, str]:
    return one.authority.headers("POST", "http://h", b"", {})


def resolved(folder: Path, *entries: dict[str, Any], **sections: Any) -> tuple[Deployment, ...]:
    """`entries` are litellm_params; model_name and model_info may stand beside them."""
    models = [
        {
            "model_name": entry.pop("model_name", "m"),
            "model_info": entry.pop("model_info", {}),
            "litellm_params": {"api_key": "k"} | entry,
        }
        for entry in (dict(one) for one in entries)
    ]
    text = msgspec.json.encode({"model_list": models} | sections).decode()
    return resolve_all(load_settings(write_config(folder, text), environment()))


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8000",
        "ftp://h/v1",
        "http://",
        "http://[::1",
        "http://h:99999/v1",
        "//h/v1",
        "h",
        "http:///v1",
        "http://h/v1?a=b",
        "http://h#x",
    ],
)
@pytest.mark.parametrize("provider", ["openai", "anthropic", "hosted_vllm"])
def test_an_address_that_is_none_is_told_when_the_model_is_called(tmp_path: Path, provider: str, address: str) -> None:
    """Not by a defect in the middle of a call, nor by one that keeps the gateway from starting."""
    (one,) = resolved(tmp_path, {"model": f"{provider}/x", "api_base": address})
    assert one.unusable is not None
    assert "api_base" in one.unusable
    assert "'m'" in one.unusable


@pytest.mark.parametrize(
    "address", ["http://h", "https://h:8443/v1", "http://[::1]:9/v1", "http://u:p@h/v1", "HTTP://h/v1"]
)
def test_an_address_that_is_one(tmp_path: Path, address: str) -> None:
    (one,) = resolved(tmp_path, {"model": "openai/x", "api_base": address})
    assert one.unusable is None
    assert one.host in ("h", "::1")


@pytest.mark.parametrize(
    ("params", "provider", "model"),
    [
        ({"model": "gpt-5"}, "openai", "gpt-5"),
        ({"model": "openai/gpt-5"}, "openai", "gpt-5"),
        ({"model": "openai/org/gpt-5"}, "openai", "org/gpt-5"),
        (
            {"model": "org/llama", "custom_llm_provider": "hosted_vllm", "api_base": "http://h"},
            "hosted_vllm",
            "org/llama",
        ),
        ({"model": "hosted_vllm/x", "custom_llm_provider": "hosted_vllm", "api_base": "http://h"}, "hosted_vllm", "x"),
        ({"model": "claude", "custom_llm_provider": "anthropic"}, "anthropic", "claude"),
        ({"model": "openai/responses/gpt-5"}, "openai", "gpt-5"),
        ({"model": "anthropic/responses/x"}, "anthropic", "responses/x"),
    ],
)
def test_who_answers(tmp_path: Path, params: dict[str, Any], provider: str, model: str) -> None:
    (one,) = resolved(tmp_path, params)
    assert (one.provider.name, one.model, one.unusable) == (provider, model, None)


def test_an_unknown_provider_is_kept_without_an_address(tmp_path: Path) -> None:
    (one,) = resolved(tmp_path, {"model": "martian/x", "api_base": "http://h"})
    assert (one.provider.name, one.model, one.provider.dialects, one.offers("generate")) == ("martian", "x", (), False)
    assert "'martian'" in (one.unusable or "")


@pytest.mark.parametrize(
    ("params", "pinned"),
    [
        ({"model": "openai/x", "use_chat_completions_api": True}, "openai-chat"),
        ({"model": "openai/responses/x", "use_chat_completions_api": True}, "openai-responses"),
        ({"model": "anthropic/x", "use_chat_completions_api": True}, None),
        ({"model": "openai/x"}, None),
    ],
)
def test_the_operator_may_pin_the_dialect(tmp_path: Path, params: dict[str, Any], pinned: str | None) -> None:
    (one,) = resolved(tmp_path, params)
    assert one.pinned_dialect == pinned
    if pinned:
        for caller in ("openai-chat", "openai-responses", "anthropic-messages"):
            assert one.dialect_for(caller, frozenset({pinned})) == pinned


@pytest.mark.parametrize(
    ("name", "model", "requested", "routed"),
    [
        ("claude-*", "anthropic/claude-*", "claude-5", "claude-5"),
        ("anthropic/*", "anthropic/*", "anthropic/claude-5", "claude-5"),
        ("*", "anthropic/*", "claude-5", "claude-5"),
        ("*", "anthropic/*", "anthropic/claude-5", "claude-5"),
        ("my-*-eu", "anthropic/*", "my-claude-5-eu", "claude-5"),
        ("fast-*", "anthropic/claude-5", "fast-1", "claude-5"),
        ("exact", "anthropic/claude-5", "exact", "claude-5"),
    ],
)
def test_a_star_stands_for_the_same_text(tmp_path: Path, name: str, model: str, requested: str, routed: str) -> None:
    (one,) = resolved(tmp_path, {"model_name": name, "model": model})
    made = one.concrete(requested)
    assert (made.model, made.id, made.model_name) == (routed, one.id, name)


@pytest.mark.parametrize(
    ("policy", "drained"), [({}, False), ({"hang_up": "drain"}, True), ({"hang_up": "cancel"}, False)]
)
def test_what_happens_when_the_caller_hangs_up_is_the_providers_policy(
    tmp_path: Path, policy: dict[str, str], *, drained: bool
) -> None:
    first, second = resolved(
        tmp_path, {"model": "openai/x"}, {"model": "anthropic/x"}, sekisho={"providers": {"openai": policy}}
    )
    assert (first.drained, second.drained) == (drained, False)


def test_an_id_is_stable_and_no_part_of_it_is_the_key(tmp_path: Path) -> None:
    (one,) = resolved(tmp_path, {"model": "openai/x", "api_key": "a"})
    *_, moved = resolved(tmp_path, {"model": "openai/y"}, {"model": "openai/x", "api_key": "b"})
    assert one.id == moved.id
    (elsewhere,) = resolved(tmp_path, {"model": "openai/x", "api_base": "http://h"})
    assert elsewhere.id != one.id
    (named,) = resolved(tmp_path, {"model": "openai/x", "model_info": {"id": "mine"}})
    assert named.id == "mine"


def test_two_of_one_id_are_refused_by_name(tmp_path: Path) -> None:
    entry = {"model": "openai/x", "model_info": {"id": "mine"}}
    with pytest.raises(OperatorError, match="same id"):
        resolved(tmp_path, entry, entry)


@pytest.mark.parametrize(
    ("provider", "shown"), [("openai", {"authorization": "Bearer k"}), ("anthropic", {"x-api-key": "k"})]
)
def test_the_credential_is_shown_by_the_authority_only(tmp_path: Path, provider: str, shown: dict[str, str]) -> None:
    (one,) = resolved(
        tmp_path, {"model": f"{provider}/x", "api_key": "k", "extra_headers": {"X-Team": "CANARY", "User-Agent": "us"}}
    )
    common = {"content-type": "application/json", "accept-encoding": "identity"}
    assert one.headers() == common | {"user-agent": "us", "x-team": "CANARY"}
    assert one.headers() is not one.headers()
    assert proof(one) == shown
    assert "CANARY" not in repr(one)


def test_a_server_of_ones_own_may_need_no_key(tmp_path: Path) -> None:
    (one,) = resolved(tmp_path, {"model": "ollama/x", "api_key": None})
    assert one.unusable is None
    assert proof(one) == {}


def test_an_organisation_is_named_to_openai_alone(tmp_path: Path) -> None:
    at_openai, elsewhere = resolved(
        tmp_path, {"model": "openai/x", "organization": "org-1"}, {"model": "groq/x", "organization": "org-1"}
    )
    assert at_openai.headers()["openai-organization"] == "org-1"
    assert "org-1" not in elsewhere.headers().values()


@pytest.mark.parametrize(
    ("base_model", "known"), [("gpt-4o", "gpt-4o"), ("openai/gpt-4o", "gpt-4o"), (None, "my-deployment")]
)
def test_a_model_is_known_by_its_public_name(tmp_path: Path, base_model: str | None, known: str) -> None:
    info = {"base_model": base_model} if base_model else {}
    (one,) = resolved(tmp_path, {"model": "openai/my-deployment", "model_info": info})
    assert (one.model, one.known_model, one.target.model) == ("my-deployment", known, "my-deployment")


@pytest.mark.parametrize("operation", ["generate", "count_tokens", "embeddings", "completions"])
def test_what_a_provider_offers_has_an_address(tmp_path: Path, operation: str) -> None:
    for one in resolved(tmp_path, {"model": "openai/x"}, {"model": "anthropic/x"}):
        served = []
        for dialect in one.provider.dialects:
            try:
                served.append(one.url(dialect, operation))
            except KeyError:
                continue
        assert bool(served) == one.offers(operation)
        assert all(url.startswith(one.base_url + "/") for url in served)
