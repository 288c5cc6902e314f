from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from sekisho.app import Application
from tests.support.application import CONFIG, Got, ask, running
from tests.support.waiting import eventually

ROOT = "ab" * 32
STORING = CONFIG + "\ngeneral_settings: {store_model_in_db: true}\n"
MODEL = {
    "model_name": "added",
    "litellm_params": {"model": "openai/gpt-5", "api_key": "sk-canary", "api_base": "http://127.0.0.1:9/v1"},
    "model_info": {"id": "m1"},
}


async def send(app: Application, method: str, path: str, body: dict[str, Any]) -> Got:
    return await ask(app, method, path, body=msgspec.json.encode(body))


async def names(app: Application) -> set[str]:
    return {row["id"] for row in (await ask(app, "GET", "/v1/models")).json["data"]}


async def test_an_added_model_is_called_at_once_and_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path, STORING, SEKISHO_ROOT_KEY=ROOT) as app:
        assert (await send(app, "POST", "/model/new", MODEL)).status == 200
        assert "added" in await names(app)
        got = await send(app, "PATCH", "/model/m1/update", {"model_name": "renamed"})
        assert got.status == 200
        assert {"renamed", "claude"} <= await names(app)
        app.reload()
        assert "renamed" in await names(app)
    async with running(tmp_path, STORING, SEKISHO_ROOT_KEY=ROOT) as app:
        assert "renamed" in await names(app)
        rows = (await ask(app, "GET", "/model/info")).json["data"]
        assert {row["model_info"]["id"]: row["model_info"]["db_model"] for row in rows}["m1"] is True
        assert (await send(app, "POST", "/model/delete", {"id": "m1"})).status == 200
        assert "renamed" not in await names(app)


async def test_a_model_that_another_process_added_is_learnt(tmp_path: Path) -> None:
    shared = STORING + f"\nsekisho: {{database: {tmp_path / 'shared.db'}}}\n"
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    async with (
        running(tmp_path / "one", shared, SEKISHO_ROOT_KEY=ROOT) as one,
        running(tmp_path / "other", shared, SEKISHO_ROOT_KEY=ROOT) as other,
    ):
        await send(other, "POST", "/model/new", MODEL)

        async def known() -> bool:
            return "added" in await names(one)

        await eventually(known, "the other process has learnt of the model")


async def test_without_the_setting_models_come_from_the_file_alone(tmp_path: Path) -> None:
    async with running(tmp_path, SEKISHO_ROOT_KEY=ROOT) as app:
        got = await send(app, "POST", "/model/new", MODEL)
        assert (got.status, got.json["error"]["param"]) == (400, "store_model_in_db")
