"""Every address to which a recorded client sent a request is one that a deployment of ours makes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from tests.shared import needs_shared, recordings
from tests.support.deployments import deployed

pytestmark = needs_shared

BEDROCK = re.compile(r"https://bedrock-runtime\.([a-z0-9-]+)\.amazonaws\.com/model/([^/]+)/([a-z-]+)")
OPERATIONS = {
    "converse": ("bedrock-converse", "generate", False),
    "converse-stream": ("bedrock-converse", "generate", True),
    "invoke": ("anthropic-messages@bedrock", "generate", False),
    "invoke-with-response-stream": ("anthropic-messages@bedrock", "generate", True),
    "count-tokens": ("bedrock-converse", "count_tokens", False),
}
AZURE = re.compile(r"https://([a-z0-9.-]+)/+(?:openai/deployments/([^/]+)/)?(.+)")


def urls(provider: str) -> list[str]:
    return sorted({str(one.load()["url"]) for one in recordings(provider=provider)})


def test_bedrocks(tmp_path: Path) -> None:
    seen = 0
    for url in urls("bedrock"):
        match = BEDROCK.fullmatch(url)
        if match is None or match[3] not in OPERATIONS:
            continue
        model = unquote(match[2])
        if match[3].startswith("invoke") and "claude" not in model:
            continue  # other makers' bodies travel by Converse
        one = deployed(
            tmp_path, {"model": f"bedrock/{model}", "aws_region_name": match[1]}, AWS_BEARER_TOKEN_BEDROCK="k"
        )
        dialect, operation, streamed = OPERATIONS[match[3]]
        assert one.url(dialect, operation, streamed=streamed) == url.replace(match[2], quote(model, safe=""))
        seen += 1
    assert seen >= 20


@pytest.mark.parametrize("shortened", [False, True])
def test_azures(tmp_path: Path, *, shortened: bool) -> None:
    """Whether the operator gives the whole address, as the portal shows it, or only the resource's."""
    seen = 0
    for url in urls("azure"):
        address, _, query = url.partition("?")
        version = query.removeprefix("api-version=")
        match = AZURE.fullmatch(address)
        if match is None or not version or not address.endswith(("/chat/completions", "/embeddings")):
            continue
        path = "azure_ai" if "/models/" in address else "azure"
        params: dict[str, Any] = {"model": f"{path}/{match[2] or 'x'}", "api_key": "k", "api_base": url}
        if shortened:
            root = f"https://{match[1]}" + ("/models" if path == "azure_ai" else "")
            params |= {"api_base": root, "api_version": version}
        one = deployed(tmp_path, params)
        operation = "embeddings" if address.endswith("/embeddings") else "generate"
        assert one.url("openai-chat", operation) == url.replace("com//", "com/")
        seen += 1
    assert seen >= 5
