from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sekisho.app import Application
from sekisho.core.errors import OperatorError
from sekisho.upstream.client import ReqwestTransport
from sekisho.upstream.plain_client import PlainTransport
from tests.support.application import CONFIG, ask, environment, running, write_config


async def models(app: Application) -> list[str]:
    return [row["id"] for row in (await ask(app, "GET", "/v1/models")).json["data"]]


async def test_a_reload_is_whole_or_leaves_the_old(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path) as app:
        write_config(tmp_path, CONFIG.replace("model_name: claude", "model_name: other"))
        app.reload()
        assert await models(app) == ["other", "gpt-*", "nick"]
        write_config(tmp_path, CONFIG + "\nmodel_list: []\n")
        app.reload()
        assert await models(app) == ["other", "gpt-*", "nick"]
    assert "the old one stays" in caplog.text
    assert "sk-canary" not in caplog.text


def test_without_a_master_key_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(OperatorError):
        Application(write_config(tmp_path), {}, tmp_path / "data")


def test_two_deployments_of_one_id_are_refused(tmp_path: Path) -> None:
    entry = "  - {model_name: m, litellm_params: {model: openai/m, api_key: k}, model_info: {id: same}}\n"
    with pytest.raises(OperatorError, match="same"):
        Application(write_config(tmp_path, "model_list:\n" + entry * 2), environment(), tmp_path / "data")


async def test_the_management_api_is_there_when_it_is_asked_for(tmp_path: Path) -> None:
    async with running(tmp_path) as app:
        made = await ask(app, "POST", "/key/generate", body=b"{}")
        assert made.json["key"].startswith("sk-")
        listed = await ask(app, "GET", "/key/list")
    assert listed.json["total_count"] == 1


@pytest.mark.parametrize(
    ("base", "proxy", "kind"),
    [
        ("http://127.0.0.1:8000/v1", {}, PlainTransport),
        ("https://models.test/v1", {}, ReqwestTransport),
        ("http://127.0.0.1:8000/v1", {"HTTP_PROXY": "http://proxy.test"}, ReqwestTransport),
    ],
)
async def test_plain_addresses_are_spoken_to_directly(
    tmp_path: Path, base: str, proxy: dict[str, str], kind: type
) -> None:
    entry = f"model_list:\n  - {{model_name: m, litellm_params: {{model: openai/m, api_base: '{base}', api_key: k}}}}\n"
    app = Application(write_config(tmp_path, entry), environment() | proxy, tmp_path / "data")
    [deployment] = app._gateway.router.deployments
    transport = app._gateway.transport(deployment)
    assert isinstance(transport, kind)
    assert app._gateway.transport(deployment) is transport
    await transport.close()


async def test_a_call_of_a_member_is_held_to_the_members_budget_in_the_organisation(tmp_path: Path) -> None:
    body = msgspec.json.encode({"model": "claude", "messages": [{"role": "user", "content": "hi"}]})
    who = {"organization_id": "o", "user_id": "u"}

    async with running(tmp_path) as app:

        async def made(path: str, **fields: Any) -> Any:
            got = await ask(app, "POST", path, body=msgspec.json.encode(fields))
            assert got.status == 200, got.body
            return got.json

        await made("/organization/new", organization_id="o", organization_alias="acme")
        await made("/user/new", user_id="u", organizations=["o"], auto_create_key=False)
        key = (await made("/key/generate", **who))["key"]
        sent = {"authorization": f"Bearer {key}"}
        passed = await ask(app, "POST", "/v1/chat/completions", sent, body)
        assert "budget" not in passed.body.decode()  # it fails at the provider, who is not there
        await made("/organization/member_update", **who, max_budget_in_organization=0.000001)
        refused = await ask(app, "POST", "/v1/chat/completions", sent, body)
        assert refused.json["error"]["code"] == "budget_exceeded"
        assert "organization member 'u in acme'" in refused.json["error"]["message"]
