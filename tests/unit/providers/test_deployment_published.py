"""The configurations that companies have published resolve as their articles describe."""

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.config.load import load_settings
from sekisho.providers.deployment import Deployment, resolve_all
from tests.shared import SHARED
from tests.support.application import environment

CONFIGS = SHARED / "configs"
VARIABLES = environment() | {"AWS_REGION_NAME": "us-east-1", "AZURE_OPENAI_API_KEY": "k"}

pytestmark = pytest.mark.skipif(
    not CONFIGS.is_dir(), reason="../shared (published configurations) is not beside this checkout"
)


def published(name: str) -> tuple[Deployment, ...]:
    deployments = resolve_all(load_settings(CONFIGS / name, VARIABLES))
    assert [one.unusable for one in deployments] == [None] * len(deployments)
    return deployments


@pytest.mark.parametrize("name", ["aws-cline-accounts.yaml", "aws-cline-fallback.yaml", "bengo4.yaml"])
def test_no_parameter_of_a_deployment_is_without_effect(name: str) -> None:
    warnings = load_settings(CONFIGS / name, VARIABLES).warnings
    assert [warning.key for warning in warnings if "litellm_params" in warning.key] == []


def test_one_gateway_calls_two_accounts() -> None:
    deployments = published("aws-cline-accounts.yaml")
    assert [one.account for one in deployments] == ["111111111111", "222222222222"]
    assert {one.pinned_dialect for one in deployments} == {"bedrock-converse"}
    assert deployments[0].authority is not deployments[1].authority


def test_two_models_in_the_region_of_the_environment() -> None:
    first, second = published("aws-cline-fallback.yaml")
    root = "https://bedrock-runtime.us-east-1.amazonaws.com/model"
    model = "us.anthropic.claude-3-7-sonnet-20250219-v1%3A0"
    assert first.url("bedrock-converse", "generate", streamed=True) == f"{root}/{model}/converse-stream"
    assert second.model == "us.anthropic.claude-3-5-sonnet-20241022-v2:0"


def test_one_name_over_three_regions_and_two_other_clouds() -> None:
    *bedrock, azure, vertex = published("bengo4.yaml")
    assert [one.region for one in bedrock] == ["us-west-2", "us-east-1", "us-east-2"]
    assert {one.dialect_for("anthropic-messages", frozenset()) for one in bedrock} == {"anthropic-messages@bedrock"}
    assert {one.dialect_for("openai-chat", frozenset()) for one in bedrock} == {"bedrock-converse"}
    assert azure.url("openai-chat", "generate") == (
        "https://example.openai.azure.com/openai/deployments/o3/chat/completions?api-version=2025-01-01-preview"
    )
    assert vertex.url("gemini-generate", "generate", streamed=True) == (
        "https://aiplatform.googleapis.com/v1/projects/example-gemini/locations/global/publishers/google/models/"
        "gemini-2.5-pro:streamGenerateContent?alt=sse"
    )
    assert (vertex.account, vertex.region) == ("example-gemini", "global")


def test_a_variable_that_is_missing_spoils_its_deployment_alone(tmp_path: Path) -> None:
    text = (CONFIGS / "bengo4.yaml").read_text()
    (tmp_path / "config.yaml").write_text(text)
    deployments = resolve_all(load_settings(tmp_path / "config.yaml", environment()))
    assert [one.model_name for one in deployments if one.unusable] == ["azure-openai-o3"]
