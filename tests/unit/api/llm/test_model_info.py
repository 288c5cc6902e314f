from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.application import MASTER, ask, running

CONFIG = """
model_list:
  - model_name: claude
    litellm_params: {model: anthropic/claude-sonnet-4-5, api_key: sk-canary, rpm: 10, tpm: 100}
    model_info: {id: one, max_input_tokens: 1000}
  - model_name: claude
    litellm_params: {model: bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0, aws_region_name: eu-central-1, rpm: 5}
    model_info: {id: two, max_input_tokens: 2000, supports_vision: false}
  - {model_name: gpt-*, litellm_params: {model: openai/gpt-*, api_key: sk-canary}, model_info: {id: three}}
  - {model_name: broken, litellm_params: {model: martian/x}, model_info: {id: four}}
router_settings:
  model_group_alias: {nick: claude}
"""


async def told(folder: Path, path: str, **fields: Any) -> Any:
    """An answer; to a key with these fields, if any are given."""
    async with running(folder, CONFIG) as app:
        shown = None
        if fields:
            made = await ask(app, "POST", "/key/generate", body=msgspec.json.encode(fields))
            shown = {"authorization": f"Bearer {made.json['key']}"}
        return (await ask(app, "GET", path, shown)).json


async def test_one_deployment_is_described_by_its_id(tmp_path: Path) -> None:
    (row,) = (await told(tmp_path, "/model/info?litellm_model_id=two"))["data"]
    assert (row["model_info"]["id"], row["model_name"]) == ("two", "claude")


@pytest.mark.parametrize(
    ("query", "ids", "pages"),
    [
        ("", ["one", "two", "three", "four"], 1),
        ("?size=3&page=2", ["four"], 2),
        ("?search=GPT", ["three"], 1),
        ("?model=claude&size=1", ["one"], 2),
        ("?modelId=four", ["four"], 1),
        ("?page=9", [], 1),
    ],
)
async def test_deployments_come_in_pages(tmp_path: Path, query: str, ids: list[str], pages: int) -> None:
    page = await told(tmp_path, f"/v2/model/info{query}")
    assert [row["model_info"]["id"] for row in page["data"]] == ids
    assert page["total_pages"] == pages


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "size=501", "size=-1", "page=1e3", "page=٣", f"page={'9' * 5000}"]
)
async def test_a_page_that_cannot_be_is_refused(tmp_path: Path, query: str) -> None:
    error = (await told(tmp_path, f"/v2/model/info?{query}"))["error"]
    assert error["param"] == query.partition("=")[0]


async def test_a_name_stands_for_its_deployments_together(tmp_path: Path) -> None:
    rows = {row["model_group"]: row for row in (await told(tmp_path, "/model_group/info"))["data"]}
    assert list(rows) == ["claude", "gpt-*", "broken", "nick"]
    claude = rows["claude"]
    assert claude["providers"] == ["anthropic", "bedrock"]
    assert (claude["rpm"], claude["tpm"], claude["max_input_tokens"]) == (15, 100, 2000)
    assert (claude["supports_function_calling"], claude["supports_vision"]) == (True, False)
    assert claude["input_cost_per_token"] >= 3e-06
    assert claude | {"model_group": "nick"} == rows["nick"]
    (one,) = (await told(tmp_path, "/model_group/info?model_group=nick"))["data"]
    assert one == rows["nick"]


async def test_a_key_is_told_of_what_it_may_use(tmp_path: Path) -> None:
    for path, name in (("/model_group/info", "model_group"), ("/v2/model/info", "model_name")):
        rows = (await told(tmp_path, path, models=["gpt-*"]))["data"]
        assert [row[name] for row in rows] == ["gpt-*"]
    health = await told(tmp_path, "/health", models=["gpt-*"])
    assert [one["model_id"] for one in health["healthy_endpoints"]] == ["three"]


async def test_health_is_what_calls_have_shown(tmp_path: Path) -> None:
    """Nothing listens where the first one is called: a call that fails there makes it cool down."""
    text = CONFIG.replace("api_key: sk-canary, rpm", 'api_base: "http://127.0.0.1:9", api_key: sk-canary, rpm')
    call = msgspec.json.encode({"model": "claude", "messages": [{"role": "user", "content": "a"}], "max_tokens": 1})
    async with running(tmp_path, text + "  num_retries: 0\n  allowed_fails: 0\n") as app:
        before = (await ask(app, "GET", "/health")).json
        await ask(app, "POST", "/v1/messages", {"x-sekisho-deployment": "one", "x-api-key": MASTER}, body=call)
        after = (await ask(app, "GET", "/health")).json
        nobody = await ask(app, "GET", "/health", {})
    assert (before["healthy_count"], before["unhealthy_count"]) == (3, 1)
    (ill,) = before["unhealthy_endpoints"]
    assert (ill["model_id"], bool(ill["error"])) == ("four", True)
    assert [(one["model_id"], "cools down" in one["error"]) for one in after["unhealthy_endpoints"]] == [
        ("one", True),
        ("four", False),
    ]
    assert nobody.status == 401
    assert "canary" not in str(before)
