"""The configurations that companies have published: they start unchanged, and their calls go where they say."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sekisho.cli.explain import explained, parse_request
from sekisho.cli.route import route_explained
from sekisho.config.load import load_settings
from tests.shared import SHARED
from tests.support.application import MASTER, ask, environment, running

CONFIGS = SHARED / "configs"
pytestmark = pytest.mark.skipif(
    not (CONFIGS / "bengo4.yaml").is_file(), reason="../shared/configs is not beside this checkout"
)
#: What their environments hold, made up.
VARIABLES = {
    "AWS_REGION_NAME": "ap-northeast-1",
    "AZURE_OPENAI_API_KEY": "azure-key-of-tests",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
CLAUDE = "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
OPUS = "us.anthropic.claude-opus-4-20250514-v1:0"
NAMES = {
    "aws-cline-accounts": ["bedrock-account1-claude-3-7-sonnet-v1", "bedrock-account2-claude-3-7-sonnet-v1"],
    "aws-cline-fallback": ["bedrock-converse-us-claude-3-7-sonnet-v1", "bedrock-us-claude-3-5-sonnet-v2"],
    "bengo4": ["claude-opus-4-20250514", "azure-openai-o3", "gemini-2.5-pro"],
}


def told(config: str, model: str, path: str = "/v1/chat/completions") -> list[tuple[str, str]]:
    """The lines of `sekisho explain` from the model on."""
    settings = load_settings(CONFIGS / f"{config}.yaml", environment() | VARIABLES)
    described = {"method": "POST", "path": path, "headers": {}, "body": {"model": model, "messages": []}}
    lines = explained(parse_request(msgspec.json.encode(described)), None, route_explained(settings))
    return lines[[name for name, _ in lines].index("model") :]


def routes(config: str, model: str) -> list[str]:
    return sorted(value for name, value in told(config, model) if name == "route")


@pytest.mark.parametrize("config", NAMES)
async def test_it_starts_unchanged_and_lists_its_models(config: str, tmp_path: Path) -> None:
    text = (CONFIGS / f"{config}.yaml").read_text()
    async with running(tmp_path, text, **VARIABLES) as app:
        assert (await ask(app, "GET", "/health/readiness")).status == 200
        shown = (await ask(app, "GET", "/v1/models", {"authorization": f"Bearer {MASTER}"})).json["data"]
    assert [row["id"] for row in shown] == NAMES[config]


@pytest.mark.parametrize("number", ["1", "2"])
def test_each_account_has_its_own_model(number: str) -> None:
    [route] = routes("aws-cline-accounts", f"bedrock-account{number}-claude-3-7-sonnet-v1")
    host = "bedrock-runtime.ap-northeast-1.amazonaws.com"
    assert route == f"{CLAUDE} at bedrock ({host}, account {number * 12}) in bedrock-converse"


@pytest.mark.parametrize("asked", ["bedrock-converse-us-claude-3-7-sonnet-v1", "claude-sonnet-9"])
def test_a_throttled_model_is_followed_by_another_and_any_name_is_served(asked: str) -> None:
    lines = told("aws-cline-fallback", asked)
    [route] = [value for name, value in lines if name == "route"]
    assert route.startswith(f"{CLAUDE} at bedrock (bedrock-runtime.ap-northeast-1")
    assert ("then", "bedrock-us-claude-3-5-sonnet-v2") in lines
    named = dict(lines).get("routed as", asked)
    assert named.startswith("bedrock-converse-us-claude-3-7-sonnet-v1")


def test_one_name_is_spread_over_three_regions() -> None:
    regions = ["us-east-1", "us-east-2", "us-west-2"]
    found = routes("bengo4", "claude-opus-4-20250514")
    assert [one.partition(" in ")[0] for one in found] == [
        f"{OPUS} at bedrock (bedrock-runtime.{region}.amazonaws.com)" for region in regions
    ]
    assert {one.partition(" in ")[2] for one in found} == {"bedrock-converse"}, "what another dialect is turned into"
    lines = told("bengo4", "claude-opus-4-20250514", "/v1/messages")
    assert {value.partition(" in ")[2] for name, value in lines if name == "route"} == {"anthropic-messages@bedrock"}
    assert ("why", "simple-shuffle: by chance, in proportion to weight, rpm or tpm") in lines


def test_azure_and_vertex_are_called_where_they_are() -> None:
    assert routes("bengo4", "azure-openai-o3") == ["o3 at azure (example.openai.azure.com) in openai-chat"]
    [gemini] = routes("bengo4", "gemini-2.5-pro")
    assert gemini.startswith("gemini-2.5-pro at vertex_ai (aiplatform.googleapis.com")
    assert gemini.endswith(" in gemini-generate")


def test_what_is_not_built_yet_is_named_at_load() -> None:
    """`sekisho serve` prints these lines when it starts."""
    told = [str(one) for one in load_settings(CONFIGS / "bengo4.yaml", environment() | VARIABLES).warnings]
    for key, word in (("alerting", "Slack"), ("callbacks", "'smtp_email'"), ("callbacks", "'datadog'")):
        assert any(key in line and word in line for line in told), (key, word)


@pytest.mark.parametrize("config", NAMES)
def test_every_price_is_known(config: str) -> None:
    for model in NAMES[config]:
        assert [value for name, value in told(config, model) if name == "price" and value == "unknown"] == []
