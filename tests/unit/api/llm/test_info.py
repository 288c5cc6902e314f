from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.application import MASTER, ask, running


async def test_models_are_listed_for_whom_they_are(tmp_path: Path) -> None:
    async with running(tmp_path) as app:
        body = b'{"models":["claude"],"key_alias":"a"}'
        key = (await ask(app, "POST", "/key/generate", body=body)).json["key"]
        everything = (await ask(app, "GET", "/v1/models")).json
        mine = (await ask(app, "GET", "/models", {"x-api-key": key})).json
        nobody = await ask(app, "GET", "/v1/models", {})
    assert [row["id"] for row in everything["data"]] == ["claude", "gpt-*", "nick"]
    assert [row["id"] for row in mine["data"]] == ["claude"]
    assert nobody.status == 401


async def test_one_model_is_shown_to_whom_it_is(tmp_path: Path) -> None:
    async with running(tmp_path) as app:
        key = (await ask(app, "POST", "/key/generate", body=b'{"models":["claude"]}')).json["key"]
        found = [await ask(app, "GET", f"/v1/models/{name}", {"x-api-key": key}) for name in ("claude", "nick", "none")]
        wildcard = await ask(app, "GET", "/models/gpt-*")
        google = await ask(app, "GET", "/v1/models/claude:generateContent", {"x-api-key": key})
    assert [got.status for got in found] == [200, 404, 404]
    assert (found[0].json["id"], found[0].json["object"]) == ("claude", "model")
    assert {got.json["error"]["code"] for got in found[1:]} == {"model_not_found"}
    assert wildcard.json["id"] == "gpt-*"
    assert google.status == 405


@pytest.mark.parametrize("path", ["/model/info", "/v1/model/info"])
async def test_model_info_has_prices_and_no_secret(tmp_path: Path, path: str) -> None:
    async with running(tmp_path) as app:
        got = await ask(app, "GET", path)
    claude = got.json["data"][0]
    assert claude["model_name"] == "claude"
    assert claude["model_info"]["input_cost_per_token"] == 3e-06
    assert claude["model_info"]["litellm_provider"] == "anthropic"
    assert b"canary" not in got.body
    assert MASTER.encode() not in got.body


async def test_signs_of_life_need_no_key(tmp_path: Path) -> None:
    async with running(tmp_path) as app:
        hello = await ask(app, "HEAD", "/api/hello", {})
        alive = await ask(app, "GET", "/health/liveliness", {})
        ready = await ask(app, "GET", "/health/readiness", {})
    assert (hello.status, alive.json, ready.status, ready.json["db"]) == (200, "I'm alive!", 200, "connected")
