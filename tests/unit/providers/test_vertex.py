from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sekisho.core.errors import UnsupportedFeature
from sekisho.providers.deployment import Deployment
from tests.support.deployments import deployed, proof

ACCOUNT = {"type": "service_account", "project_id": "p-file", "private_key": "canary"}


def at_vertex(folder: Path, model: str, /, **params: Any) -> Deployment:
    place = {"vertex_project": "p-1", "vertex_location": "europe-west4"}
    return deployed(folder, {"model": f"vertex_ai/{model}"} | place | params)


ROOT = "https://europe-west4-aiplatform.googleapis.com/v1/projects/p-1/locations/europe-west4"


@pytest.mark.parametrize(
    ("model", "dialect", "operation", "streamed", "path"),
    [
        (
            "gemini-2.5-pro",
            "gemini-generate",
            "generate",
            False,
            "publishers/google/models/gemini-2.5-pro:generateContent",
        ),
        (
            "gemini-2.5-pro",
            "gemini-generate",
            "generate",
            True,
            "publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        ),
        (
            "gemini-2.5-pro",
            "gemini-generate",
            "count_tokens",
            False,
            "publishers/google/models/gemini-2.5-pro:countTokens",
        ),
        (
            "claude-sonnet-4-5@20250929",
            "anthropic-messages@vertex",
            "generate",
            False,
            "publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict",
        ),
        (
            "claude-sonnet-4-5@20250929",
            "anthropic-messages@vertex",
            "generate",
            True,
            "publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict",
        ),
        (
            "claude-sonnet-4-5@20250929",
            "anthropic-messages@vertex",
            "count_tokens",
            False,
            "publishers/anthropic/models/count-tokens:rawPredict",
        ),
        ("1234567890", "gemini-generate", "generate", False, "endpoints/1234567890:generateContent"),
        ("gemini/1234567890", "gemini-generate", "generate", False, "endpoints/1234567890:generateContent"),
        ("meta/llama-4-scout-maas", "openai-chat", "generate", True, "endpoints/openapi/chat/completions"),
    ],
)
def test_the_paths(tmp_path: Path, model: str, dialect: str, operation: str, path: str, *, streamed: bool) -> None:
    one = at_vertex(tmp_path, model)
    assert (one.unusable, one.dialects) == (None, (dialect,))
    assert one.url(dialect, operation, streamed=streamed) == f"{ROOT}/{path}"


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("us-east5", "us-east5-aiplatform.googleapis.com"),
        ("northamerica-northeast1", "northamerica-northeast1-aiplatform.googleapis.com"),
    ],
)
def test_the_hosts(tmp_path: Path, location: str, host: str) -> None:
    one = at_vertex(tmp_path, "gemini-2.5-pro", vertex_location=location)
    assert (one.unusable, one.host, one.region) == (None, host, location)


@pytest.mark.parametrize("location", ["us-east5.attacker.test/", "a@b", "US", "europe west4"])
def test_a_location_that_is_none_is_told(tmp_path: Path, location: str) -> None:
    assert "vertex_location" in (at_vertex(tmp_path, "gemini-2.5-pro", vertex_location=location).unusable or "")


@pytest.mark.parametrize(
    ("params", "variables", "project", "location"),
    [
        ({}, {"VERTEXAI_PROJECT": "a", "VERTEXAI_LOCATION": "us-east5"}, "a", "us-east5"),
        ({}, {"GOOGLE_CLOUD_PROJECT": "a", "GOOGLE_CLOUD_LOCATION": "global"}, "a", "global"),
        ({"vertex_credentials": ACCOUNT}, {}, "p-file", "us-central1"),
        ({"vertex_credentials": msgspec.json.encode(ACCOUNT).decode()}, {}, "p-file", "us-central1"),
        ({}, {"GOOGLE_APPLICATION_CREDENTIALS": msgspec.json.encode(ACCOUNT).decode()}, "p-file", "us-central1"),
        (
            {"vertex_credentials": "os.environ/TEXT"},
            {"TEXT": msgspec.json.encode(ACCOUNT).decode()},
            "p-file",
            "us-central1",
        ),
        ({"vertex_project": "p", "vertex_credentials": ACCOUNT}, {"VERTEXAI_PROJECT": "a"}, "p", "us-central1"),
    ],
)
def test_where_project_and_location_are_told(
    tmp_path: Path, params: dict[str, Any], variables: dict[str, str], project: str, location: str
) -> None:
    one = deployed(tmp_path, {"model": "vertex_ai/gemini-2.5-pro"} | params, **variables)
    assert (one.unusable, one.account, one.region) == (None, project, location)
    assert f"/v1/projects/{project}/locations/{location}/" in one.url("gemini-generate", "generate")
    assert "canary" not in repr(one)


def test_a_file_tells_its_project(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_bytes(msgspec.json.encode(ACCOUNT))
    one = deployed(tmp_path, {"model": "vertex_ai/gemini-2.5-pro", "vertex_credentials": str(path)})
    assert (one.unusable, one.account) == (None, "p-file")


def test_without_a_project_the_operator_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    one = deployed(tmp_path, {"model": "vertex_ai/gemini-2.5-pro"})
    assert "vertex_project" in (one.unusable or "")


def test_without_the_extra_the_operator_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google", None)  # the interpreter's way to say that it is not there
    assert "sekisho[google]" in (at_vertex(tmp_path, "gemini-2.5-pro").unusable or "")


def test_an_api_key_is_for_the_express_paths(tmp_path: Path) -> None:
    one = at_vertex(tmp_path, "gemini-2.5-flash", api_key="k")
    root = "https://aiplatform.googleapis.com/v1/publishers/google/models/gemini-2.5-flash"
    assert one.url("gemini-generate", "generate", streamed=True) == f"{root}:streamGenerateContent?alt=sse"
    assert proof(one) == {"x-goog-api-key": "k"}


def test_claude_has_no_express_path(tmp_path: Path) -> None:
    assert "'vertex_ai'" in (at_vertex(tmp_path, "claude-sonnet-4-5", api_key="k").unusable or "")
    wildcard = deployed(tmp_path, {"model": "vertex_ai/*", "api_key": "k"}, name="*")
    assert wildcard.unusable is None
    with pytest.raises(UnsupportedFeature):
        wildcard.concrete("claude-sonnet-4-5").dialect_for("anthropic-messages", frozenset())


def test_deployments_of_one_identity_share_its_tokens(tmp_path: Path) -> None:
    first = at_vertex(tmp_path, "gemini-2.5-pro", vertex_credentials=ACCOUNT)
    second = at_vertex(tmp_path, "claude-opus-4", vertex_credentials=ACCOUNT, vertex_location="global")
    assert first.authority is second.authority
    assert not first.authority.ready()


def test_an_address_of_ones_own(tmp_path: Path) -> None:
    one = at_vertex(tmp_path, "gemini-2.5-pro", api_base="https://psc.test/v1")
    assert one.url("gemini-generate", "generate").startswith("https://psc.test/v1/projects/p-1/")


@pytest.mark.parametrize(
    ("caller", "model", "dialect"),
    [
        ("anthropic-messages", "claude-opus-4", "anthropic-messages@vertex"),
        ("anthropic-messages@bedrock", "claude-opus-4", "anthropic-messages@vertex"),
        ("openai-chat", "claude-opus-4", "anthropic-messages@vertex"),
        ("openai-chat", "gemini-2.5-pro", "gemini-generate"),
        ("gemini-generate", "gemini-2.5-pro", "gemini-generate"),
        ("gemini-generate", "claude-opus-4", "anthropic-messages@vertex"),
    ],
)
def test_which_dialect_a_caller_is_served_by(tmp_path: Path, caller: str, model: str, dialect: str) -> None:
    assert at_vertex(tmp_path, model).dialect_for(caller, frozenset()) == dialect


def test_the_older_prefix_means_the_same(tmp_path: Path) -> None:
    one = deployed(tmp_path, {"model": "vertex_ai_beta/gemini-2.5-pro", "vertex_project": "p"})
    assert (one.unusable, one.provider.name) == (None, "vertex_ai")
