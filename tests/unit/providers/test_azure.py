from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from sekisho.providers.deployment import Deployment
from tests.support.deployments import deployed, proof

BASE = "https://r.openai.azure.com"
DATED = {"api_version": "2025-04-01-preview"}


def at_azure(folder: Path, model: str = "azure/gpt-4o", /, **params: Any) -> Deployment:
    return deployed(folder, {"model": model, "api_base": BASE, "api_key": "k"} | params)


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("generate", "/chat/completions"),
        ("completions", "/completions"),
        ("embeddings", "/embeddings"),
    ],
)
def test_a_dated_version_has_paths_by_deployment(tmp_path: Path, operation: str, path: str) -> None:
    one = at_azure(tmp_path, **DATED)
    root = f"{BASE}/openai/deployments/gpt-4o"
    assert one.url("openai-chat", operation, streamed=True) == f"{root}{path}?api-version=2025-04-01-preview"
    assert one.url("openai-responses", "generate") == f"{BASE}/openai/responses?api-version=2025-04-01-preview"


@pytest.mark.parametrize(
    ("version", "query"), [(None, ""), ("latest", ""), ("v1", ""), ("preview", "?api-version=preview")]
)
def test_without_a_date_it_is_the_v1_api(tmp_path: Path, version: str | None, query: str) -> None:
    one = at_azure(tmp_path, **({"api_version": version} if version else {}))
    assert one.url("openai-chat", "generate") == f"{BASE}/openai/v1/chat/completions{query}"
    assert one.url("openai-responses", "generate") == f"{BASE}/openai/v1/responses{query}"


def test_an_old_version_has_no_responses(tmp_path: Path) -> None:
    one = at_azure(tmp_path, "azure/o3", api_version="2025-01-01-preview")
    assert one.dialects == ("openai-chat",)
    assert one.dialect_for("openai-responses", frozenset()) == "openai-chat"


@pytest.mark.parametrize("version", ["2025", "newest", "2024-10-21&x=y", "2024-10-21/.."])
def test_a_version_that_is_none_is_told(tmp_path: Path, version: str) -> None:
    assert "api_version" in (at_azure(tmp_path, api_version=version).unusable or "")


@pytest.mark.parametrize(
    ("base", "deployment"),
    [
        (BASE, "gpt-4o"),
        (f"{BASE}/", "gpt-4o"),
        (f"{BASE}/openai", "gpt-4o"),
        (f"{BASE}/openai/", "gpt-4o"),
        (f"{BASE}/openai/deployments/prod/", "prod"),
        (f"{BASE}/openai/deployments/prod", "prod"),
        (f"{BASE}/openai/deployments/prod/chat/completions", "prod"),
        (f"{BASE}/openai/deployments/my%20own", "my own"),
    ],
)
def test_an_address_may_be_as_long_as_the_portal_shows_it(tmp_path: Path, base: str, deployment: str) -> None:
    one = at_azure(tmp_path, api_base=base, **DATED)
    assert (one.unusable, one.base_url, one.model, one.known_model) == (None, BASE, deployment, "gpt-4o")
    name = deployment.replace(" ", "%20")
    url = f"{BASE}/openai/deployments/{name}/chat/completions?api-version=2025-04-01-preview"
    assert one.url("openai-chat", "generate") == url


def test_the_version_may_stand_in_the_address(tmp_path: Path) -> None:
    address = f"{BASE}/openai/deployments/o3/chat/completions?api-version=2025-01-01-preview"
    one = at_azure(tmp_path, "azure/o3", api_base=address)
    assert (one.unusable, one.url("openai-chat", "generate")) == (None, address)


def test_an_address_of_the_v1_api_is_one_whatever_the_version(tmp_path: Path) -> None:
    one = at_azure(tmp_path, api_base=f"{BASE}/openai/v1/", **DATED)
    assert one.url("openai-chat", "generate") == f"{BASE}/openai/v1/chat/completions"


def test_a_gateway_before_azure_keeps_its_path(tmp_path: Path) -> None:
    one = at_azure(tmp_path, api_base="https://apim.test/openai-team/openai", **DATED)
    assert one.base_url == "https://apim.test/openai-team"
    assert one.host == "apim.test"


@pytest.mark.parametrize(
    ("model", "told", "known", "pinned"),
    [
        ("azure/responses/my-model", "my-model", "my-model", "openai-responses"),
        ("azure/o_series/my-model", "my-model", "o3", None),
        ("azure/gpt5_series/my-model", "my-model", "gpt-5", None),
        ("azure/my-model", "my-model", "my-model", None),
    ],
)
def test_litellms_hints(tmp_path: Path, model: str, told: str, known: str, pinned: str | None) -> None:
    one = at_azure(tmp_path, model)
    assert (one.model, one.known_model, one.pinned_dialect) == (told, known, pinned)
    assert one.target.profile.openai_reasoning is (known != "my-model")


def test_the_family_may_be_told_by_base_model(tmp_path: Path) -> None:
    one = deployed(
        tmp_path, {"model": "azure/prod", "api_base": BASE, "api_key": "k"}, {"base_model": "azure/gpt-5-mini"}
    )
    assert (one.known_model, one.target.profile.openai_reasoning) == ("gpt-5-mini", True)


@pytest.mark.parametrize(
    ("params", "variables", "shown"),
    [
        ({"api_key": "own"}, {"AZURE_API_KEY": "env"}, {"api-key": "own"}),
        ({}, {"AZURE_API_KEY": "env"}, {"api-key": "env"}),
        ({}, {"AZURE_OPENAI_API_KEY": "env"}, {"api-key": "env"}),
        ({"azure_ad_token": "t"}, {"AZURE_API_KEY": "env"}, {"authorization": "Bearer t"}),
        ({}, {"AZURE_AD_TOKEN": "t"}, {"authorization": "Bearer t"}),
        ({"api_key": "own", "azure_ad_token": "t"}, {}, {"api-key": "own"}),
    ],
)
def test_a_key_or_a_token_that_somebody_renews(
    tmp_path: Path, params: dict[str, str], variables: dict[str, str], shown: dict[str, str]
) -> None:
    one = deployed(tmp_path, {"model": "azure/x", "api_base": BASE} | params, **variables)
    assert (one.unusable, proof(one)) == (None, shown)


@pytest.mark.parametrize(
    ("params", "variables"),
    [
        ({"tenant_id": "t", "client_id": "c", "client_secret": "canary"}, {"AZURE_API_KEY": "env"}),
        ({}, {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "canary"}),
        ({"client_id": "c"}, {}),
        ({}, {}),
    ],
)
def test_without_a_key_it_is_an_identity_of_entra(
    tmp_path: Path, params: dict[str, str], variables: dict[str, str]
) -> None:
    one = deployed(tmp_path, {"model": "azure/x", "api_base": BASE} | params, **variables)
    assert one.unusable is None
    assert not one.authority.ready()
    assert "canary" not in repr(one)


def test_deployments_of_one_identity_share_its_tokens(tmp_path: Path) -> None:
    params = {"api_base": BASE, "tenant_id": "t", "client_id": "c", "client_secret": "s"}
    first = deployed(tmp_path, params | {"model": "azure/x"})
    second = deployed(tmp_path, params | {"model": "azure/y"})
    other = deployed(tmp_path, params | {"model": "azure/x", "azure_scope": "https://ai.azure.com/.default"})
    assert first.authority is second.authority
    assert first.authority is not other.authority


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"client_secret": "canary"}, "tenant_id"),
        ({"azure_ad_token": "oidc/google/x"}, "azure_ad_token"),
        ({"api_key": "k", "api_base": None}, "api_base"),
    ],
)
def test_what_is_missing_is_told(tmp_path: Path, params: dict[str, Any], told: str) -> None:
    one = deployed(tmp_path, {"model": "azure/x", "api_base": BASE} | params)
    assert told in (one.unusable or "")
    assert "canary" not in (one.unusable or "")


def test_without_the_extra_a_key_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure", None)  # the interpreter's way to say that it is not there
    one = deployed(tmp_path, {"model": "azure/x", "api_base": BASE})
    assert "sekisho[azure]" in (one.unusable or "")


FOUNDRY = "https://r.services.ai.azure.com"


@pytest.mark.parametrize(
    ("params", "dialect", "url", "header"),
    [
        ({"model": "azure_ai/claude-opus-4-1"}, "anthropic-messages", "/anthropic/v1/messages", "x-api-key"),
        (
            {"model": "azure_ai/claude-opus-4-1", "api_base": f"{FOUNDRY}/anthropic/v1/messages"},
            "anthropic-messages",
            "/anthropic/v1/messages",
            "x-api-key",
        ),
        ({"model": "azure_ai/grok-4"}, "openai-chat", "/openai/v1/chat/completions", "api-key"),
        ({"model": "azure_ai/grok-4"}, "openai-responses", "/openai/v1/responses", "api-key"),
        (
            {"model": "azure_ai/DeepSeek-V3", "api_base": f"{FOUNDRY}/models"},
            "openai-chat",
            "/models/chat/completions?api-version=2024-05-01-preview",
            "api-key",
        ),
        (
            {"model": "azure_ai/x", "api_base": f"{FOUNDRY}/models/chat/completions?api-version=2025-05-01"},
            "openai-chat",
            "/models/chat/completions?api-version=2025-05-01",
            "api-key",
        ),
    ],
)
def test_foundry(tmp_path: Path, params: dict[str, str], dialect: str, url: str, header: str) -> None:
    one = deployed(tmp_path, {"api_base": FOUNDRY, "api_key": "k"} | params)
    assert (one.unusable, one.base_url) == (None, FOUNDRY)
    assert one.url(dialect, "generate") == FOUNDRY + url
    assert proof(one) == {header: "k"}


def test_claude_in_foundry_speaks_anthropics_dialect_only(tmp_path: Path) -> None:
    one = deployed(tmp_path, {"model": "azure_ai/claude-opus-4-1", "api_base": FOUNDRY}, AZURE_AI_API_KEY="k")
    assert one.dialects == ("anthropic-messages",)
    assert one.offers("count_tokens")
    assert one.dialect_for("openai-chat", frozenset()) == "anthropic-messages"


def test_a_model_on_a_server_of_its_own(tmp_path: Path) -> None:
    base = "https://x.eastus2.models.ai.azure.com"
    one = deployed(
        tmp_path, {"model": "azure_ai/mistral-large", "api_base": f"{base}/v1/chat/completions", "api_key": "k"}
    )
    assert (one.base_url, one.dialects) == (base, ("openai-chat",))
    assert one.url("openai-chat", "generate") == f"{base}/v1/chat/completions"
    assert proof(one) == {"authorization": "Bearer k"}
