from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.support.application import MASTER, ask, running

CONFIG = """
model_list:
  - model_name: gpt-5
    litellm_params: {model: openai/gpt-5, api_key: sk-CANARY, api_base: "http://user:CANARY@127.0.0.1:9/v1?key=CANARY",
                     extra_headers: {x-team: CANARY}}
    model_info: {max_input_tokens: 5000, mode: chat, team: red}
  - {model_name: openai/*, litellm_params: {model: openai/*, api_key: sk-CANARY}}
  - {model_name: broken, litellm_params: {model: martian/x}}
router_settings: {model_group_alias: {nick: gpt-5, secret: {model: gpt-5, hidden: true}}}
"""


@pytest.mark.parametrize(
    ("fields", "listed"),
    [
        ({}, ["gpt-5", "openai/*", "broken", "nick"]),
        ({"models": ["gpt-5"]}, ["gpt-5"]),
        ({"models": ["openai/*"]}, ["openai/*"]),
        ({"models": ["nick"]}, ["nick"]),
        ({"models": ["all-proxy-models"]}, ["gpt-5", "openai/*", "broken", "nick"]),
        ({"models": ["no-default-models"]}, []),
        ({"models": ["nobody"]}, []),
    ],
)
async def test_a_key_sees_what_it_may_use(tmp_path: Path, fields: dict[str, object], listed: list[str]) -> None:
    async with running(tmp_path, CONFIG) as app:
        made = await ask(app, "POST", "/key/generate", body=msgspec.json.encode(fields))
        shown = {"authorization": f"Bearer {made.json['key']}"}
        got = [(await ask(app, "GET", path, shown)).json for path in ("/v1/models", "/models")]
        info = (await ask(app, "GET", "/model/info", shown)).json
    assert got[0] == got[1]
    assert [row["id"] for row in got[0]["data"]] == listed
    assert (got[0]["first_id"], got[0]["last_id"]) == ((listed[0], listed[-1]) if listed else (None, None))
    assert [row["model_name"] for row in info["data"]] == [name for name in listed if name != "nick"]


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/model/info", "/v1/model/info"])
async def test_a_key_that_is_none_sees_nothing(tmp_path: Path, path: str) -> None:
    async with running(tmp_path, CONFIG) as app:
        made = (await ask(app, "POST", "/key/generate", body=b"{}")).json["key"]
        blocked = await ask(app, "POST", "/key/block", body=msgspec.json.encode({"key": made}))
        answers = [
            await ask(app, "GET", path, headers) for headers in ({}, {"x-api-key": "sk-none"}, {"x-api-key": made})
        ]
    assert blocked.status == 200
    assert [got.status for got in answers] == [401, 401, 401]
    assert all("gpt-5" not in got.body.decode() for got in answers)


async def test_no_secret_is_shown_wherever_the_operator_wrote_it(tmp_path: Path) -> None:
    async with running(tmp_path, CONFIG) as app:
        got = await ask(app, "GET", "/model/info")
    assert b"CANARY" not in got.body
    assert MASTER.encode() not in got.body
    first, _, broken = got.json["data"]
    assert first["litellm_params"] == {"model": "openai/gpt-5", "api_base": "http://127.0.0.1:9/v1"}
    info = first["model_info"]
    assert (info["max_input_tokens"], info["mode"], info["team"], info["litellm_provider"]) == (
        5000,
        "chat",
        "red",
        "openai",
    )
    assert info["supports_reasoning"]
    assert broken["model_info"]["input_cost_per_token"] is None


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_signs_of_life_with_and_without_the_prefix(tmp_path: Path, prefix: str) -> None:
    async with running(tmp_path, CONFIG) as app:
        ready = await ask(app, "GET", f"{prefix}/health/readiness", {})
        alive = [await ask(app, "GET", f"{prefix}/health/{word}", {}) for word in ("liveliness", "liveness")]
        hello = await ask(app, "HEAD", f"{prefix}/api/hello", {})
        app.about_to_end()
        stopping = await ask(app, "GET", f"{prefix}/health/readiness", {})
    assert (stopping.status, stopping.json["status"]) == (503, "stopping")
    assert (ready.status, ready.json["status"]) == (200, "healthy")
    assert [got.status for got in alive] == [200, 200]
    assert (hello.status, hello.body) == (200, b"")
